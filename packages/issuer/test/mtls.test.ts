import { randomUUID } from 'node:crypto'
import type { Grant, IssuerHandlerOptions, KeyBinding } from '@oauth-pop/issuer'
import { readCertificate } from '@oauth-pop/testkit'
import { calculateJwkThumbprint, decodeJwt, importJWK, SignJWT } from 'jose'
import { afterEach, describe, expect, test } from 'vitest'
import { privateJwk, publicHalf } from './keys.ts'
import { audience, send, startServers, type Answer, type Caller } from './mtls-server.ts'

const alice = readCertificate('alice')
const mallory = readCertificate('mallory')
const key = await privateJwk()
const jkt = await calculateJwkThumbprint(key)
const reqCnf = Buffer.from(JSON.stringify({ kid: jkt })).toString('base64url')
const x5t = { 'x5t#S256': alice.thumbprint }
const form = {
  grant_type: 'client_credentials',
  client_id: 'bound',
  client_secret: 'bound-secret',
}

const closing: (() => Promise<void>)[] = []
afterEach(() => Promise.all(closing.splice(0).map((close) => close())))

type Servers = Awaited<ReturnType<typeof startServers>>

async function start(options: Parameters<typeof startServers>[0] = {}): Promise<Servers> {
  const servers = await startServers(options)
  closing.push(servers.close)
  return servers
}

async function prove(method: string, htu: string, token?: string): Promise<string> {
  const { alg: _, ...jwk } = publicHalf(key)
  const ath = token === undefined ? undefined : await hashOf(token)
  const claims = { jti: randomUUID(), htm: method, htu, iat: Math.floor(Date.now() / 1000), ath }
  return new SignJWT(claims)
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
    .sign(await importJWK(key, 'ES256'))
}

async function hashOf(text: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Buffer.from(hash).toString('base64url')
}

function seen({ put }: Servers, { status, body, headers }: Answer): readonly unknown[] {
  const members = Object.keys(body).join(' ')
  return [status, body['error'], members, headers['cache-control'], put.mock.calls.length]
}

/** A refusal as clients must see it: the word and a sentence, and nothing stored. */
function refused(error = 'invalid_request', status = 400): readonly unknown[] {
  return [status, error, 'error error_description', 'no-store', 0]
}

/** What the API answers to a bearer token over a connection of that caller. */
async function callApi(servers: Servers, caller: Caller, token: unknown): Promise<unknown> {
  const headers = { host: 'api.example.com', authorization: `Bearer ${String(token)}` }
  const { status, body } = await send(caller, `${servers.api}/items`, { headers })
  return status === 200 ? body['scheme'] : status
}

describe.each(['jwt', 'opaque'] as const)('a client with certificate-bound %s tokens', (tokens) => {
  test(
    'gets a bearer token that is good over connections with its certificate only',
    { tags: ['issuer-mtls-token', 'issuer-mtls-bound'] },
    async () => {
      const servers = await start({ issuer: { tokens } })
      const { status, body } = await send('alice', `${servers.url}/token`, { form })
      expect([status, body['token_type'], body['scope']]).toEqual([200, 'Bearer', 'read'])
      const [{ certificateThumbprint, key: named } = {}] = servers.grant.mock.calls[0] ?? []
      expect([certificateThumbprint, named]).toEqual([alice.thumbprint, undefined])
      const token = body['access_token']
      expect(await callApi(servers, 'alice', token)).toBe('mTLS')
      expect(await callApi(servers, 'mallory', token)).toBe(401)
      expect(await callApi(servers, 'nobody', token)).toBe(401)
    },
  )
})

describe('a client with certificate-bound tokens', { tags: ['issuer-mtls-bound'] }, () => {
  test('gets none over a connection without a certificate, whatever it sends', async () => {
    const servers = await start()
    const escaped = encodeURIComponent(alice.cert)
    for (const more of [
      {},
      { req_cnf: reqCnf },
      { 'x-ssl-client-cert': escaped, 'x-ssl-client-verify': 'SUCCESS' },
      { 'client-cert': `:${Buffer.from(alice.der).toString('base64')}:` },
    ]) {
      const url = `${servers.url}/token`
      const request = 'req_cnf' in more ? { form: { ...form, ...more } } : { form, headers: more }
      expect(seen(servers, await send('nobody', url, request))).toEqual(refused())
    }
    const headers = { dpop: await prove('POST', `${servers.url}/token`) }
    const proven = await send('nobody', `${servers.url}/token`, { form, headers })
    expect(seen(servers, proven)).toEqual(refused())
    expect(servers.grant).not.toHaveBeenCalled()
    // The proof was not used up.
    expect((await send('alice', `${servers.url}/token`, { form, headers })).status).toBe(200)
  })

  test('is authenticated before its certificate is missed', async () => {
    const servers = await start()
    const wrong = { ...form, client_secret: 'x' }
    const answer = await send('nobody', `${servers.url}/token`, { form: wrong })
    expect(seen(servers, answer)).toEqual(refused('invalid_client', 401))
  })

  test('may be a public one, whose refresh token its grant binds', async () => {
    const certificateThumbprint = alice.thumbprint
    const grant = (): Grant => ({ audience, scope: '', certificateThumbprint })
    const servers = await start({ grant })
    const asked = { grant_type: 'refresh_token', client_id: 'page' }
    for (const caller of ['mallory', 'bob'] as const) {
      const answer = await send(caller, `${servers.url}/token`, { form: asked })
      expect(seen(servers, answer)).toEqual(refused('invalid_grant'))
    }
    const { status, body } = await send('alice', `${servers.url}/token`, { form: asked })
    expect([status, body['token_type']]).toEqual([200, 'Bearer'])
  })

  test.each([true, 'true', 1, 'false'])(
    'is whoever is registered as anything but no: %j',
    async (said) => {
      const registration = { secret: 'bound-secret', tlsClientCertificateBoundAccessTokens: said }
      const servers = await start({ clients: () => registration as never })
      const asked = { ...form, req_cnf: reqCnf }
      const answer = await send('nobody', `${servers.url}/token`, { form: asked })
      expect(seen(servers, answer)).toEqual(refused())
      const bound = await send('alice', `${servers.url}/token`, { form: asked })
      expect(decodeJwt(String(bound.body['access_token']))['cnf']).toEqual({ kid: jkt, ...x5t })
    },
  )

  test('is nobody who is registered without it, or with no', async () => {
    for (const said of [false, undefined, null]) {
      const registration = { secret: 'bound-secret', tlsClientCertificateBoundAccessTokens: said }
      const servers = await start({ clients: () => registration as never })
      const named = { form: { ...form, req_cnf: reqCnf } }
      for (const caller of ['nobody', 'alice'] as const) {
        const { status, body } = await send(caller, `${servers.url}/token`, named)
        expect([status, body['token_type']]).toEqual([200, 'PoP'])
        expect(decodeJwt(String(body['access_token']))['cnf']).toEqual({ kid: jkt })
      }
    }
  })
})

test(
  'a refresh token that its grant binds is no good without a certificate',
  { tags: ['issuer-mtls-refresh'] },
  async () => {
    const certificateThumbprint = alice.thumbprint
    const grant = (): Grant => ({ audience, scope: '', certificateThumbprint })
    const servers = await start({ grant })
    const asked = { ...form, client_id: 'app', client_secret: 'app-secret', req_cnf: reqCnf }
    for (const caller of ['nobody', 'mallory'] as const) {
      const answer = await send(caller, `${servers.url}/token`, { form: asked })
      expect(seen(servers, answer)).toEqual(refused('invalid_grant'))
    }
    expect((await send('alice', `${servers.url}/token`, { form: asked })).status).toBe(200)
  },
)

describe('a certificate beside a key', { tags: ['issuer-mtls-both'] }, () => {
  test('makes a DPoP token that needs both', async () => {
    const servers = await start()
    const headers = { dpop: await prove('POST', `${servers.url}/token`) }
    const { body } = await send('alice', `${servers.url}/token`, { form, headers })
    const token = String(body['access_token'])
    expect(body['token_type']).toBe('DPoP')
    expect(decodeJwt(token)['cnf']).toEqual({ jkt, ...x5t })
    const call = async (caller: Caller): Promise<number> => {
      const proof = await prove('GET', `${audience}/items`, token)
      const sent = { host: 'api.example.com', authorization: `DPoP ${token}`, dpop: proof }
      return (await send(caller, `${servers.api}/items`, { headers: sent })).status
    }
    expect([await call('alice'), await call('mallory'), await call('nobody')]).toEqual([
      200, 401, 401,
    ])
    expect(await callApi(servers, 'alice', token)).toBe(401)
  })

  test.each<[string, Partial<Grant>, object]>([
    ['that the request names', {}, { kid: jkt }],
    [
      'that the grant names',
      { key: { by: 'server', algorithm: 'ES256' } },
      { jwk: expect.objectContaining({ kty: 'EC' }) as unknown },
    ],
  ])('%s makes a PoP token that names both', async (_, granted, other) => {
    const servers = await start({ grant: () => ({ audience, scope: '', ...granted }) })
    const named = { ...form, req_cnf: reqCnf }
    const { body } = await send('alice', `${servers.url}/token`, { form: named })
    expect(body['token_type']).toBe('PoP')
    expect(decodeJwt(String(body['access_token']))['cnf']).toEqual({ ...other, ...x5t })
  })
})

describe('a grant that names a certificate', { tags: ['issuer-mtls-bound'] }, () => {
  const named = (
    certificate: Uint8Array,
    more: object = {},
  ): Pick<IssuerHandlerOptions, 'grant'> => ({
    grant: () => ({
      audience,
      scope: '',
      key: { by: 'client', ...more, certificate } as KeyBinding,
    }),
  })
  const asked = { ...form, client_id: 'app', client_secret: 'app-secret' }

  test('binds the token to that of the connection', async () => {
    const servers = await start(named(alice.der))
    const { body } = await send('alice', `${servers.url}/token`, { form: asked })
    expect(body['token_type']).toBe('Bearer')
    expect(decodeJwt(String(body['access_token']))['cnf']).toEqual(x5t)
  })

  test.each(['app', 'bound'])('and to no other, for the client %s', async (id) => {
    const client = { ...asked, client_id: id, client_secret: `${id}-secret` }
    const other = await start(named(mallory.der))
    for (const caller of ['alice', ...(id === 'app' ? ['nobody' as const] : [])] as const) {
      const answer = await send(caller, `${other.url}/token`, { form: client })
      expect(seen(other, answer)).toEqual(refused())
    }
  })

  test('goes with a DPoP proof when it names its key too, and only then', async () => {
    const both = await start(named(alice.der, { jkt }))
    const first = { dpop: await prove('POST', `${both.url}/token`) }
    const { body } = await send('alice', `${both.url}/token`, { form: asked, headers: first })
    expect(decodeJwt(String(body['access_token']))['cnf']).toEqual({ jkt, ...x5t })
    const one = await start(named(alice.der))
    const second = { dpop: await prove('POST', `${one.url}/token`) }
    const answer = await send('alice', `${one.url}/token`, { form: asked, headers: second })
    expect(seen(one, answer)).toEqual(refused())
    const unproven = await send('alice', `${both.url}/token`, { form: asked })
    expect(unproven.body['error']).toBe('invalid_dpop_proof')
  })
})

describe('the metadata', { tags: ['issuer-mtls-metadata'] }, () => {
  const bound = 'tls_client_certificate_bound_access_tokens'
  const endpoints = ['token', 'revocation', 'introspection']
  const secret = { app: { secret: 'x' } }
  const certificates = { app: { certificates: [alice.thumbprint] } }
  const read = async (options: Parameters<typeof start>[0]): Promise<Answer['body']> => {
    const { url } = await start(options)
    return (await send('nobody', `${url}/.well-known/oauth-authorization-server`)).body
  }
  const withCertificates = async (options: Parameters<typeof start>[0]): Promise<unknown> => {
    const metadata = await read(options)
    return endpoints.filter((endpoint) =>
      (metadata[`${endpoint}_endpoint_auth_methods_supported`] as readonly string[]).includes(
        'self_signed_tls_client_auth',
      ),
    )
  }

  test('tells that tokens are certificate-bound where a client has them', async () => {
    expect(await read({})).toHaveProperty(bound, true)
    expect(await read({ clients: () => undefined })).toHaveProperty(bound, true)
    expect(await read({ clients: certificates })).not.toHaveProperty(bound)
  })

  test('tells of certificates at the endpoints where somebody has one', async () => {
    const resourceServers = secret
    const found = (): undefined => undefined
    expect(await withCertificates({ clients: secret, resourceServers })).toEqual([])
    expect(await withCertificates({ clients: certificates, resourceServers })).toEqual(
      endpoints.slice(0, 2),
    )
    expect(await withCertificates({ clients: secret, resourceServers: certificates })).toEqual(
      endpoints.slice(2),
    )
    expect(await withCertificates({ clients: found, resourceServers: found })).toEqual(endpoints)
  })
})
