import { createIssuer, createIssuerHandler, type IssuerHandlerOptions } from '@oauth-pop/issuer'
import { readCertificate } from '@oauth-pop/testkit'
import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { fetchAs, send, startServers, type Answer, type Caller } from './mtls-server.ts'

const alice = readCertificate('alice')
const bob = readCertificate('bob')
const form = { grant_type: 'client_credentials', client_id: 'self' }
const basic = (pair: string): object => ({
  authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
})

const closing: (() => Promise<void>)[] = []
afterEach(() => Promise.all(closing.splice(0).map((close) => close())))

type Servers = Awaited<ReturnType<typeof startServers>>

async function start(options: Parameters<typeof startServers>[0] = {}): Promise<Servers> {
  const servers = await startServers(options)
  closing.push(servers.close)
  return servers
}

const wrong = [401, 'invalid_client', 'error error_description', 'no-store']

function seen({ status, body, headers }: Answer): readonly unknown[] {
  return [status, body['error'], Object.keys(body).join(' '), headers['cache-control']]
}

/** What nobody may be called for who is refused. */
function calls({ grant, put }: Servers): readonly number[] {
  return [grant.mock.calls.length, put.mock.calls.length]
}

async function issue({ url }: Servers): Promise<string> {
  const { body } = await send('alice', `${url}/token`, { form })
  return String(body['access_token'])
}

describe('a client with a certificate', { tags: ['issuer-mtls-auth'] }, () => {
  test('is known by it, and names itself', async () => {
    const servers = await start()
    const { status, body } = await send('alice', `${servers.url}/token`, { form })
    expect([status, body['token_type']]).toEqual([200, 'Bearer'])
    const token = decodeJwt(String(body['access_token']))
    expect(token).toMatchObject({ client_id: 'self', sub: 'self' })
    expect(servers.grant.mock.calls[0]?.[0]).toMatchObject({
      clientId: 'self',
      authenticated: true,
    })
  })

  test('may be oauth4webapi, from the metadata to a token', async () => {
    const { url } = await start()
    const options = { [oauth.customFetch]: fetchAs('alice') }
    const server = new URL(url)
    const discovery = await oauth.discoveryRequest(server, { ...options, algorithm: 'oauth2' })
    const as = await oauth.processDiscoveryResponse(server, discovery)
    expect(as.token_endpoint_auth_methods_supported).toContain('self_signed_tls_client_auth')
    expect(as.tls_client_certificate_bound_access_tokens).toBe(true)
    const client = { client_id: 'self', use_mtls_endpoint_aliases: true }
    const response = await oauth.clientCredentialsGrantRequest(
      as,
      client,
      oauth.TlsClientAuth(),
      {},
      options,
    )
    const token = await oauth.processClientCredentialsResponse(as, client, response)
    const cnf = { 'x5t#S256': alice.thumbprint }
    expect(decodeJwt(token.access_token)['cnf']).toEqual(cnf)
  })

  test('may have several', async () => {
    const certificates = [alice.thumbprint, bob.thumbprint]
    const registration = { certificates, tlsClientCertificateBoundAccessTokens: true }
    const { url } = await start({ clients: { self: registration } })
    const statusOf = async (caller: Caller): Promise<number> =>
      (await send(caller, `${url}/token`, { form })).status
    expect([await statusOf('alice'), await statusOf('bob'), await statusOf('mallory')]).toEqual([
      200, 200, 401,
    ])
  })

  test.each<[string, Caller, object, object?]>([
    ['over a connection with another certificate', 'mallory', form],
    ['over a connection with the certificate of a resource server', 'bob', form],
    ['over a connection without a certificate', 'nobody', form],
    [
      'with a header that holds its certificate',
      'mallory',
      form,
      { 'client-cert': `:${Buffer.from(alice.der).toString('base64')}:` },
    ],
    ['without its name', 'alice', { grant_type: 'client_credentials' }],
    ['under the name of a client with a secret', 'alice', { ...form, client_id: 'app' }],
    ['under a name that nobody has', 'alice', { ...form, client_id: 'constructor' }],
    ['with a secret too', 'alice', { ...form, client_secret: 'x' }],
    ['with its thumbprint as the secret', 'nobody', { ...form, client_secret: alice.thumbprint }],
    ['with a header for an empty secret', 'alice', form, basic('self:')],
    ['with a header for a secret', 'alice', form, basic(`self:${alice.thumbprint}`)],
    ['with a header of another scheme', 'alice', form, { authorization: 'Bearer self' }],
  ])('is refused %s, and nothing is granted', async (_, caller, asked, headers = {}) => {
    const servers = await start()
    const answer = await send(caller, `${servers.url}/token`, { form: asked, headers })
    expect(seen(answer)).toEqual(wrong)
    expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="localhost:\d+"$/)
    expect(calls(servers)).toEqual([0, 0])
  })

  const certificates = [alice.thumbprint]
  test.each<[string, object]>([
    ['has a secret too', { certificates, secret: 'x' }],
    ['has an empty secret too', { certificates, secret: '' }],
    ['is public too', { certificates, public: true }],
    ['has one text for a list', { certificates: alice.thumbprint }],
    ['has nothing for a list', { certificates: null }],
    ['has an empty list', { certificates: [] }],
    ['has an object for a list', { certificates: { includes: () => true } }],
    ['has part of a thumbprint', { certificates: [alice.thumbprint.slice(1)] }],
    ['has the certificate itself', { certificates: [alice.cert, alice.der] }],
  ])('that is found, and %s, is nobody', async (_, found) => {
    const servers = await start({ clients: () => found as never })
    for (const caller of ['alice', 'nobody'] as const)
      for (const more of [{}, { client_secret: 'x' }]) {
        const asked = { ...form, grant_type: 'authorization_code', ...more }
        const answer = await send(caller, `${servers.url}/token`, { form: asked })
        expect(seen(answer)).toEqual(wrong)
      }
    expect(calls(servers)).toEqual([0, 0])
    const right = await start({ clients: () => ({ certificates }) })
    expect((await send('alice', `${right.url}/token`, { form })).body['error']).toBe(
      'invalid_request',
    )
  })

  test('that is public is not known better by a certificate', async () => {
    const { url, grant } = await start({ clients: { page: { public: true } } })
    const asked = { ...form, client_id: 'page' }
    const answer = await send('alice', `${url}/token`, { form: asked })
    expect(answer.body['error']).toBe('unauthorized_client')
    expect(grant).not.toHaveBeenCalled()
  })
})

describe('at the other endpoints', { tags: ['issuer-mtls-auth'] }, () => {
  const none: readonly Caller[] = ['alice', 'mallory', 'nobody']

  test('a resource server with a certificate introspects, and nobody else', async () => {
    const servers = await start()
    const asked = { client_id: 'api', token: await issue(servers) }
    const introspect = (caller: Caller): Promise<Answer> =>
      send(caller, `${servers.url}/introspect`, { form: asked })
    expect((await introspect('bob')).body).toMatchObject({ active: true, client_id: 'self' })
    for (const caller of none) expect(seen(await introspect(caller))).toEqual(wrong)
  })

  test('a client with a certificate is no resource server', async () => {
    const servers = await start()
    const asked = { client_id: 'self', token: await issue(servers) }
    const answer = await send('alice', `${servers.url}/introspect`, { form: asked })
    expect(seen(answer)).toEqual(wrong)
  })

  test('a client with a certificate revokes its own tokens, and nobody else does', async () => {
    const clients: IssuerHandlerOptions['clients'] = {
      self: { certificates: [alice.thumbprint], tlsClientCertificateBoundAccessTokens: true },
      other: { certificates: [bob.thumbprint] },
    }
    const servers = await start({ clients })
    const token = await issue(servers)
    const revoke = (caller: Caller, id = 'self'): Promise<Answer> =>
      send(caller, `${servers.url}/revoke`, { form: { client_id: id, token } })
    const isActive = async (): Promise<unknown> => {
      const asked = { client_id: 'api', token }
      return (await send('bob', `${servers.url}/introspect`, { form: asked })).body['active']
    }
    for (const caller of ['bob', 'mallory', 'nobody'] as const)
      expect(seen(await revoke(caller))).toEqual(wrong)
    expect((await revoke('bob', 'other')).body['error']).toBe('unauthorized_client')
    expect(await isActive()).toBe(true)
    expect((await revoke('alice')).status).toBe(200)
    expect(await isActive()).toBe(false)
  })
})

describe('what the framework passes', { tags: ['issuer-mtls-auth'] }, () => {
  const url = 'https://as.example.com'
  const bound = { secret: 'x', tlsClientCertificateBoundAccessTokens: true }
  const grant = vi.fn<IssuerHandlerOptions['grant']>()
  const handler = createIssuerHandler({
    issuer: createIssuer({ issuer: url, tokens: 'opaque' }),
    clients: { self: { certificates: [alice.thumbprint] }, bound },
    resourceServers: { self: { certificates: [alice.thumbprint] } },
    grant,
  })
  const ask = (path: string, connection?: object, more: object = {}): Promise<Response> => {
    const body = new URLSearchParams({ ...form, ...more })
    return handler(new Request(url + path, { method: 'POST', body }), connection)
  }
  const paths = ['/token', '/introspect', '/revoke']

  test.each([
    ['PEM', Buffer.from(alice.cert)],
    ['more than a certificate', Buffer.concat([alice.der, bob.der])],
    ['no byte', new Uint8Array()],
  ])('as a certificate, and is %s, is refused', async (_, certificate) => {
    for (const path of paths) {
      const answer = await ask(path, { certificate })
      expect(answer.status).toBe(400)
      expect(await answer.json()).toMatchObject({ error: 'invalid_request' })
    }
    expect(grant).not.toHaveBeenCalled()
  })

  test.each([null, alice.cert, alice.thumbprint, {}])(
    'as a certificate, and is no bytes, is its mistake: case %$',
    async (certificate) => {
      for (const path of paths) await expect(ask(path, { certificate })).rejects.toThrow(TypeError)
      expect(grant).not.toHaveBeenCalled()
    },
  )

  test.each([undefined, {}, { certificate: undefined }, { address: '127.0.0.1', port: 1 }])(
    'without a certificate is a connection without one: case %$',
    async (connection) => {
      for (const path of paths) expect((await ask(path, connection)).status).toBe(401)
      const secret = { client_id: 'bound', client_secret: 'x' }
      expect((await ask('/token', connection, secret)).status).toBe(400)
      expect(grant).not.toHaveBeenCalled()
    },
  )
})
