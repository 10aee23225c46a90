import { randomUUID } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { memoryReplayStore } from '@oauth-pop/core'
import { ReplayStoreError } from '@oauth-pop/core/replay'
import { readDpopJkt, type Grant, type KeyBinding } from '@oauth-pop/issuer'
import { createClock } from '@oauth-pop/testkit'
import { calculateJwkThumbprint, decodeJwt, importJWK, SignJWT, type JWK } from 'jose'
import { afterEach, describe, expect, test } from 'vitest'
import { audience, startIssuer } from './dpop-server.ts'
import { privateJwk, publicHalf } from './keys.ts'

const clock = createClock()
const [key, otherKey] = [await privateJwk(), await privateJwk()]
const [jkt, otherJkt] = await Promise.all([key, otherKey].map((jwk) => calculateJwkThumbprint(jwk)))
const thumbprint = jkt as string
const form = { grant_type: 'authorization_code', client_id: 'page' }

const closing: (() => Promise<void>)[] = []
afterEach(() => Promise.all(closing.splice(0).map((close) => close())))

async function start(options: Parameters<typeof startIssuer>[0] = {}) {
  const server = await startIssuer({ now: clock.now, ...options })
  closing.push(server.close)
  return server
}

interface Change {
  readonly claims?: object
  readonly header?: object
  readonly signer?: JWK
}

async function prove(url: string, { claims, header, signer = key }: Change = {}): Promise<string> {
  const { alg: _, ...jwk } = publicHalf(key)
  const valid = { jti: randomUUID(), htm: 'POST', htu: `${url}/token`, iat: clock.seconds() }
  return new SignJWT({ ...valid, ...claims })
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk, ...header })
    .sign(await importJWK(signer, 'ES256'))
}

interface Answer {
  readonly status: number | undefined
  readonly nonce: string | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Readonly<Record<string, unknown>>
}

/** Sends each header line as it is, also several of one name. */
async function ask(
  url: string,
  dpop: readonly string[],
  fields: object = form,
  path = '/token',
): Promise<Answer> {
  const body = new URLSearchParams({ ...fields }).toString()
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    ...(dpop.length > 0 && { dpop: [...dpop] }),
  }
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url + path, { method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const { statusCode: status, headers: received } = response
        const nonce = received['dpop-nonce'] as string | undefined
        const text = Buffer.concat(chunks).toString()
        resolve({ status, nonce, headers: received, body: JSON.parse(text) as Answer['body'] })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const introspect = (url: string, token: unknown): Promise<Answer> =>
  ask(url, [], { client_id: 'api', client_secret: 'api-secret', token }, '/introspect')

interface Seen {
  readonly status: number | undefined
  readonly error: unknown
  readonly members: readonly string[]
  readonly challenge: unknown
  readonly cacheControl: unknown
  readonly stored: number
}

function seen(server: Awaited<ReturnType<typeof start>>, { status, body, headers }: Answer): Seen {
  return {
    status,
    error: body['error'],
    members: Object.keys(body),
    challenge: headers['www-authenticate'],
    cacheControl: headers['cache-control'],
    stored: server.put.mock.calls.length,
  }
}

/** A refusal as clients must see it: the word alone, no challenge, and nothing granted or stored. */
function refused(error = 'invalid_dpop_proof'): Seen {
  const members = ['error', 'error_description']
  return { status: 400, error, members, challenge: undefined, cacheControl: 'no-store', stored: 0 }
}

describe('a token request with a DPoP proof', () => {
  test(
    'gets an opaque DPoP token, whose introspection names the key',
    {
      tags: ['issuer-dpop-token'],
    },
    async () => {
      const { url, grant } = await start()
      const { status, body, nonce } = await ask(url, [await prove(url)])
      expect([status, body['token_type'], nonce]).toEqual([200, 'DPoP', undefined])
      expect(grant.mock.calls[0]?.[0].dpopJkt).toBe(jkt)
      const answer = await introspect(url, body['access_token'])
      expect(answer.body).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt } })
      expect(answer.body).not.toHaveProperty('access_token_key')
    },
  )

  test(
    'gets a JWT with the thumbprint of the key, which can be introspected too',
    {
      tags: ['issuer-dpop-token'],
    },
    async () => {
      const { url } = await start({ issuer: { tokens: 'jwt', signingKey: otherKey } })
      const { body } = await ask(url, [await prove(url)])
      expect(body['token_type']).toBe('DPoP')
      expect(decodeJwt(String(body['access_token']))['cnf']).toEqual({ jkt })
      const answer = await introspect(url, body['access_token'])
      expect(answer.body).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt } })
    },
  )

  test('may spell its htu in another way', async () => {
    const { url } = await start()
    const htu = `${url.replace('http', 'HTTP')}/%74oken?x=1#y`
    expect((await ask(url, [await prove(url, { claims: { htu } })])).status).toBe(200)
  })

  const wrong: Readonly<Record<string, (url: string) => Change>> = {
    'another type': () => ({ header: { typ: 'jwt' } }),
    'an algorithm that is not its key': () => ({
      header: { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AA' } },
    }),
    'a private key in its header': () => ({ header: { jwk: key } }),
    'no key': () => ({ header: { jwk: undefined } }),
    'a signature of another key': () => ({ signer: otherKey }),
    'a critical extension': () => ({ header: { b64: true } }),
    'another method': () => ({ claims: { htm: 'GET' } }),
    'the method in small letters': () => ({ claims: { htm: 'post' } }),
    'the URL of another endpoint': (url) => ({ claims: { htu: `${url}/introspect` } }),
    'the URL of another server': () => ({ claims: { htu: 'https://as.example.com/token' } }),
    'no method': () => ({ claims: { htm: undefined } }),
    'no URL': () => ({ claims: { htu: undefined } }),
    'no jti': () => ({ claims: { jti: undefined } }),
    'no time': () => ({ claims: { iat: undefined } }),
    'a time that is too old': () => ({ claims: { iat: clock.seconds() - 301 } }),
    'a time ahead': () => ({ claims: { iat: clock.seconds() + 31 } }),
    'an end that has passed': () => ({ claims: { exp: clock.seconds() - 30 } }),
    'a nonce that is no text': () => ({ claims: { nonce: 1 } }),
  }
  test.each(Object.entries(wrong))(
    'is refused for %s of the proof',
    {
      tags: ['issuer-dpop-proof'],
    },
    async (_, change) => {
      const server = await start()
      const answer = await ask(server.url, [await prove(server.url, change(server.url))])
      expect(seen(server, answer)).toEqual(refused())
      expect(server.grant).not.toHaveBeenCalled()
    },
  )

  test.each([
    ['both good', (url: string) => Promise.all([prove(url), prove(url)])],
    ['one of them twice', async (url: string) => Array<string>(2).fill(await prove(url))],
    ['joined in one line', async (url: string) => [`${await prove(url)}, ${await prove(url)}`]],
    ['one of them empty', async (url: string) => [await prove(url), '']],
    ['alone, and empty', async () => ['']],
    ['alone, and no JWT', async () => ['x']],
  ])('is refused for proofs that are %s', { tags: ['issuer-dpop-proof'] }, async (_, proofs) => {
    const server = await start()
    expect(seen(server, await ask(server.url, await proofs(server.url)))).toEqual(refused())
    expect(server.grant).not.toHaveBeenCalled()
  })

  test(
    'is refused when its proof was used before, also by many at once',
    {
      tags: ['issuer-dpop-proof'],
    },
    async () => {
      const { url, grant } = await start()
      const proof = await prove(url)
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(url, [proof])))
      const words = answers
        .map(({ status, body }) => body['error'] ?? status)
        .filter((word) => word !== 'invalid_dpop_proof')
      expect(words).toEqual([200])
      expect(answers).toHaveLength(10)
      expect(grant).toHaveBeenCalledTimes(1)
    },
  )

  test(
    'is refused for an algorithm that is not enabled',
    {
      tags: ['issuer-dpop-proof', 'issuer-dpop-metadata'],
    },
    async () => {
      const server = await start({ dpop: { algorithms: ['PS256'] } })
      expect(seen(server, await ask(server.url, [await prove(server.url)]))).toEqual(refused())
      const metadata = await fetch(`${server.url}/.well-known/oauth-authorization-server`)
      expect(await metadata.json()).toMatchObject({ dpop_signing_alg_values_supported: ['PS256'] })
    },
  )

  test('is not judged before the client is', async () => {
    const server = await start()
    const proof = await prove(server.url)
    const unknown = await ask(server.url, [proof], { ...form, client_id: 'nobody' })
    expect([unknown.status, unknown.body['error']]).toEqual([401, 'invalid_client'])
    expect((await ask(server.url, [proof])).status).toBe(200)
  })

  const reqCnf = Buffer.from(JSON.stringify({ kid: otherJkt })).toString('base64url')
  test.each([
    ['a key in req_cnf', { req_cnf: reqCnf }],
    ['another type of token', { token_type: 'pop' }],
  ])('names no other key: %s', async (_, more) => {
    const server = await start()
    const answer = await ask(server.url, [await prove(server.url)], { ...form, ...more })
    expect(seen(server, answer)).toEqual(refused('invalid_request'))
    expect(server.grant).not.toHaveBeenCalled()
  })

  test.each<[string, KeyBinding]>([
    ['a key of ours', { by: 'server', algorithm: 'ES256' }],
    ['another thumbprint', { by: 'client', thumbprint: otherJkt as string }],
    ['another DPoP key', { by: 'client', jkt: otherJkt as string }],
  ])('gets no token that the grant binds to %s', async (_, granted) => {
    const grant = (): Grant => ({ audience, scope: '', key: granted })
    const server = await start({ grant })
    const answer = await ask(server.url, [await prove(server.url)])
    expect(seen(server, answer)).toEqual(refused('invalid_request'))
  })

  test('is 503 while the replay store is out, and nothing is granted', async () => {
    const error = new ReplayStoreError('ERR_POP_REPLAY_FULL', { retryAfterSeconds: 7 })
    const server = await start({ dpop: { replay: { claim: () => Promise.reject(error) } } })
    const { status, body, headers } = await ask(server.url, [await prove(server.url)])
    expect([status, body['error']]).toEqual([503, 'temporarily_unavailable'])
    expect(headers['retry-after']).toBe('7')
    expect(server.grant).not.toHaveBeenCalled()
  })
})

describe('without a proof', () => {
  test(
    'a client with DPoP-bound tokens gets none',
    {
      tags: ['issuer-dpop-bound-client'],
    },
    async () => {
      const server = await start()
      const asked = { ...form, client_id: 'bound' }
      expect(seen(server, await ask(server.url, [], asked))).toEqual(refused())
      expect(server.grant).not.toHaveBeenCalled()
      expect((await ask(server.url, [await prove(server.url)], asked)).status).toBe(200)
    },
  )

  test(
    'a registration that says anything but no counts as bound',
    {
      tags: ['issuer-dpop-bound-client'],
    },
    async () => {
      const grant = (): Grant => ({ audience, scope: '', key: { by: 'client', thumbprint } })
      for (const said of [true, 'true', 1, 'false'])
        expect(seen(...(await askAs({ public: true, dpopBoundAccessTokens: said })))).toEqual(
          refused(),
        )
      for (const said of [false, undefined, null])
        expect((await askAs({ public: true, dpopBoundAccessTokens: said }))[1].status).toBe(200)

      async function askAs(registration: object) {
        const server = await start({ clients: () => registration as { public: true }, grant })
        return [server, await ask(server.url, [])] as const
      }
    },
  )

  test('no grant can bind a token to a DPoP key', { tags: ['issuer-dpop-proof'] }, async () => {
    const grant = (): Grant => ({ audience, scope: '', key: { by: 'client', jkt: thumbprint } })
    const server = await start({ grant })
    expect(seen(server, await ask(server.url, []))).toEqual(refused())
  })
})

describe('a grant that is bound to a DPoP key', () => {
  const bound = (dpopJkt: string) => ({ grant: (): Grant => ({ audience, scope: '', dpopJkt }) })

  test('is good for a proof by that key', { tags: ['issuer-dpop-code'] }, async () => {
    const { url } = await start(bound(thumbprint))
    expect((await ask(url, [await prove(url)])).status).toBe(200)
  })

  test.each(['authorization_code', 'refresh_token'])(
    'is no good without a proof, or with that of another key: %s',
    { tags: ['issuer-dpop-code', 'issuer-dpop-refresh'] },
    async (grantType) => {
      const asked = { ...form, grant_type: grantType }
      const other = await start(bound(otherJkt as string))
      const answer = await ask(other.url, [await prove(other.url)], asked)
      expect(seen(other, answer)).toEqual(refused('invalid_grant'))
      const none = await start(bound(thumbprint))
      expect(seen(none, await ask(none.url, [], asked))).toEqual(refused('invalid_grant'))
    },
  )

  test('is read from an authorization request', { tags: ['issuer-dpop-code'] }, () => {
    expect(readDpopJkt(new URLSearchParams({ dpop_jkt: thumbprint }))).toBe(jkt)
    expect(readDpopJkt({ dpop_jkt: thumbprint })).toBe(jkt)
    expect(readDpopJkt({ client_id: 'page' })).toBeUndefined()
    const twice = new URLSearchParams([
      ['dpop_jkt', thumbprint],
      ['dpop_jkt', thumbprint],
    ])
    for (const parameters of [
      { dpop_jkt: thumbprint.slice(1) },
      { dpop_jkt: [thumbprint] },
      { dpop_jkt: 1 },
      twice,
    ])
      expect(() => readDpopJkt(parameters)).toThrow(
        expect.objectContaining({ error: 'invalid_request' }),
      )
  })
})

describe('a nonce of the server', () => {
  const required = { dpop: { nonce: { lifetimeSeconds: 60 } } }

  test(
    'is asked for, works, is renewed when it ages, and ends',
    {
      tags: ['issuer-dpop-nonce'],
    },
    async () => {
      const server = await start(required)
      const { url } = server
      const send = async (claims: object): Promise<Answer> =>
        ask(url, [await prove(url, { claims })])
      const first = await send({})
      expect(seen(server, first)).toEqual(refused('use_dpop_nonce'))
      expect(server.grant).not.toHaveBeenCalled()
      const { nonce } = first
      expect(nonce).toMatch(/^[\w-]+$/)
      const second = await send({ nonce })
      expect([second.status, second.nonce]).toEqual([200, undefined])
      clock.advance(60)
      const ageing = await send({ nonce })
      expect([ageing.status, ageing.nonce === nonce]).toEqual([200, false])
      expect(ageing.nonce).toMatch(/^[\w-]+$/)
      clock.advance(60)
      const stale = await send({ nonce })
      expect([stale.status, stale.body['error']]).toEqual([400, 'use_dpop_nonce'])
      expect((await send({ nonce: stale.nonce })).status).toBe(200)
    },
  )

  test('is not told to a proof that fails otherwise', { tags: ['issuer-dpop-nonce'] }, async () => {
    const server = await start(required)
    const answer = await ask(server.url, [await prove(server.url, { signer: otherKey })])
    expect(seen(server, answer)).toEqual(refused())
    expect(answer.nonce).toBeUndefined()
  })
})

describe('the replay store of the token endpoint', { tags: ['issuer-dpop-owner'] }, () => {
  test('is not filled by one client with many keys, and others get their tokens', async () => {
    const { now } = clock
    const replay = memoryReplayStore({ maxEntriesPerOwner: 3, restartGuard: 'off', now })
    const { url, grant } = await start({ dpop: { replay } })
    const askWithNewKey = async (clientId: string): Promise<number | undefined> => {
      const signer = await privateJwk()
      const { alg: _, ...jwk } = publicHalf(signer)
      const proof = await prove(url, { signer, header: { jwk } })
      return (await ask(url, [proof], { ...form, client_id: clientId })).status
    }
    const statuses = [
      await askWithNewKey('page'),
      await askWithNewKey('page'),
      await askWithNewKey('page'),
    ]
    expect(statuses).toEqual([200, 200, 200])
    expect(await askWithNewKey('page')).toBe(503)
    expect(grant).toHaveBeenCalledTimes(3)
    expect(await askWithNewKey('bound')).toBe(200)
  })
})
