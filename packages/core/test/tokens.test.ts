import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  bearer,
  createVerifier,
  introspectedTokens,
  jwtTokens,
  pop,
  PopError,
  storedTokens,
  type TokenResolver,
} from '@oauth-pop/core'
import { apiUrl, createClock, createHolders, signPop, type Holder } from '@oauth-pop/testkit'
import {
  CompactEncrypt,
  decodeJwt,
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CompactJWEHeaderParameters,
  type JWTHeaderParameters,
} from 'jose'
import { afterEach, describe, expect, test } from 'vitest'

const clock = createClock()
const { holder, tokens } = createHolders()
const issuer = 'https://as.example.com'

async function ask(
  resolver: TokenResolver | readonly TokenResolver[],
  who: Holder,
): Promise<string> {
  const verifier = createVerifier({ publicUrl: apiUrl, tokens: resolver, now: clock.now })
  const rawHeaders = [
    'Host',
    'api.example.com',
    'Authorization',
    `PoP ${signPop(who, clock.seconds())}`,
  ]
  return verifier.verify({ method: 'GET', target: '/items', rawHeaders }).then(
    ({ accessToken }) => `accepted ${accessToken.subject}`,
    (error: unknown) =>
      error instanceof PopError ? `${error.status} ${error.code}` : String(error),
  )
}

let close = (): void => {}
afterEach(() => close())

async function serve(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_request, response) => answer(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  close = () => {
    server.close().closeAllConnections()
  }
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const keys = await generateKeyPair('ES256')
const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k1' }] }

async function jwtHolder(claims: Record<string, unknown> = {}): Promise<Holder> {
  const who = holder()
  const now = clock.seconds()
  const payload = {
    iss: issuer,
    aud: apiUrl,
    sub: 'bob',
    iat: now,
    exp: now + 60,
    cnf: { jwk: who.jwk },
    ...claims,
  }
  const accessToken = await new SignJWT(payload)
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' })
    .sign(keys.privateKey)
  return { ...who, accessToken }
}

describe('jwtTokens with a key set URL', () => {
  const resolver = (url: string): TokenResolver =>
    jwtTokens({ issuer, audience: apiUrl, jwks: `${url}/jwks` })

  test('fetches the keys and accepts the token', async () => {
    const url = await serve(
      (response) =>
        void response.setHeader('content-type', 'application/json').end(JSON.stringify(jwks)),
    )
    expect(await ask(resolver(url), await jwtHolder())).toBe('accepted bob')
  })

  test.each<[string, (response: ServerResponse) => void]>([
    ['is down', (response) => void response.destroy()],
    ['answers 500', (response) => void response.writeHead(500).end()],
    ['answers with HTML', (response) => void response.end('<html>')],
    ['redirects', (response) => void response.writeHead(302, { location: '/x' }).end()],
  ])(
    'a key source that %s is an outage, not a bad token',
    { tags: ['answer-token-source-down'] },
    async (_, answer) => {
      expect(await ask(resolver(await serve(answer)), await jwtHolder())).toBe(
        '503 ERR_POP_TOKEN_SOURCE_UNAVAILABLE',
      )
    },
  )

  test('an unknown kid is a bad token, not an outage', async () => {
    const url = await serve(
      (response) => void response.end(JSON.stringify({ keys: [{ ...jwks.keys[0], kid: 'k2' }] })),
    )
    expect(await ask(resolver(url), await jwtHolder())).toBe('401 ERR_POP_TOKEN_SIGNATURE_INVALID')
  })
})

describe('what jwtTokens recognises', () => {
  const resolver = jwtTokens({ issuer, audience: apiUrl, jwks })
  const secret = { kty: 'oct', alg: 'dir', k: Buffer.alloc(32, 1).toString('base64url') }
  const decrypting = jwtTokens({ issuer, audience: apiUrl, jwks, decryptionKeys: [secret] })
  const resigned = async (header: JWTHeaderParameters): Promise<Holder> => {
    const who = await jwtHolder()
    const accessToken = await new SignJWT(decodeJwt(who.accessToken))
      .setProtectedHeader(header)
      .sign(keys.privateKey)
    return { ...who, accessToken }
  }
  const encrypted = async (header: CompactJWEHeaderParameters): Promise<Holder> => {
    const who = await jwtHolder()
    const accessToken = await new CompactEncrypt(Buffer.from(who.accessToken))
      .setProtectedHeader(header)
      .encrypt(Buffer.alloc(32, 1))
    return { ...who, accessToken }
  }
  const direct = { alg: 'dir', enc: 'A256GCM' }

  test.each<[string, () => Promise<Holder>, string]>([
    ['a signed token', () => jwtHolder(), 'accepted bob'],
    ['a type in other letters', () => resigned({ alg: 'ES256', typ: 'AT+JWT' }), 'accepted bob'],
    [
      'a type with its tree',
      () => resigned({ alg: 'ES256', typ: 'application/at+jwt' }),
      'accepted bob',
    ],
    [
      'an extension that jose knows',
      () => resigned({ alg: 'ES256', typ: 'at+jwt', b64: true, crit: ['b64'] }),
      '401 ERR_POP_TOKEN_SIGNATURE_INVALID',
    ],
    ['another type', () => resigned({ alg: 'ES256', typ: 'JWT' }), '401 ERR_POP_TOKEN_TYPE'],
    ['no type', () => resigned({ alg: 'ES256' }), '401 ERR_POP_TOKEN_TYPE'],
    [
      'another issuer',
      () => jwtHolder({ iss: 'https://as.example.com/' }),
      '401 ERR_POP_TOKEN_UNKNOWN',
    ],
    ['an issuer in a list', () => jwtHolder({ iss: [issuer] }), '401 ERR_POP_TOKEN_UNKNOWN'],
    [
      'an issuer in other letters',
      () => jwtHolder({ iss: issuer.replace('as', 'AS') }),
      '401 ERR_POP_TOKEN_UNKNOWN',
    ],
    ['no exp', () => jwtHolder({ exp: undefined }), '401 ERR_POP_TOKEN_CLAIM_INVALID'],
    ['exp as text', () => jwtHolder({ exp: '1' }), '401 ERR_POP_TOKEN_CLAIM_INVALID'],
    ['another audience', () => jwtHolder({ aud: 'x' }), '401 ERR_POP_TOKEN_AUDIENCE'],
    [
      'a part of the audience',
      () => jwtHolder({ aud: `${apiUrl}/` }),
      '401 ERR_POP_TOKEN_AUDIENCE',
    ],
    ['an encrypted token without keys', () => encrypted(direct), '401 ERR_POP_TOKEN_UNKNOWN'],
    [
      'four segments',
      async () => ({ ...(await jwtHolder()), accessToken: 'a.b.c.d' }),
      '401 ERR_POP_TOKEN_UNKNOWN',
    ],
  ])(
    '%s',
    { tags: ['attack-157', 'attack-159', 'attack-160', 'rule-time-exp-required'] },
    async (_, make, outcome) => {
      expect(await ask(resolver, await make())).toBe(outcome)
    },
  )

  test.each([
    { kid: '../../etc/passwd' },
    { kid: "' OR 1=1 --" },
    { kid: 'x'.repeat(5000) },
    { kid: ['k1'] },
    { kid: { kid: 'k1' } },
    { kid: null },
  ])('%j is no key of the issuer', { tags: ['attack-63'] }, async ({ kid }) => {
    const who = await resigned({ alg: 'ES256', typ: 'at+jwt', kid: kid as string })
    expect(await ask(resolver, who)).toBe('401 ERR_POP_TOKEN_SIGNATURE_INVALID')
  })

  test.each<[string, () => Promise<Holder>, string]>([
    ['an encrypted token', () => encrypted(direct), 'accepted bob'],
    [
      'compressed content',
      () => encrypted({ ...direct, zip: 'DEF' }),
      '401 ERR_POP_TOKEN_UNDECRYPTABLE',
    ],
    [
      'password-based encryption',
      () => encrypted({ ...direct, alg: 'PBES2-HS256+A128KW' }),
      '401 ERR_POP_TOKEN_UNDECRYPTABLE',
    ],
    [
      'four segments',
      async () => ({ ...(await jwtHolder()), accessToken: 'a.b.c.d' }),
      '401 ERR_POP_TOKEN_UNKNOWN',
    ],
    [
      'five segments of nothing',
      async () => ({ ...(await jwtHolder()), accessToken: 'a.b.c.d.e' }),
      '401 ERR_POP_TOKEN_UNDECRYPTABLE',
    ],
  ])(
    'with keys to decrypt: %s',
    { tags: ['attack-218', 'attack-219', 'shr-token-encrypted'] },
    async (_, make, outcome) => {
      expect(await ask(decrypting, await make())).toBe(outcome)
    },
  )
})

describe('introspectedTokens', () => {
  const resolver = (url: string): TokenResolver =>
    introspectedTokens({
      endpoint: `${url}/introspect`,
      clientId: 'api',
      clientSecret: 's',
      audience: apiUrl,
    })

  test.each<[string, (response: ServerResponse) => void]>([
    ['is down', (response) => void response.destroy()],
    ['answers 500', (response) => void response.writeHead(500).end()],
    ['does not know our credentials', (response) => void response.writeHead(401).end()],
    ['answers with HTML', (response) => void response.end('<html>')],
    ['answers with a list', (response) => void response.end('[]')],
    [
      'answers with a repeated member',
      (response) => void response.end('{"active":false,"active":true}'),
    ],
    ['redirects', (response) => void response.writeHead(302, { location: '/x' }).end()],
    [
      'answers with too much',
      (response) => void response.end(JSON.stringify({ active: true, x: 'x'.repeat(70_000) })),
    ],
    ['does not answer', () => {}],
  ])(
    'a server that %s is an outage, not a bad token',
    { tags: ['attack-183', 'attack-184', 'answer-token-source-down'] },
    async (_, answer) => {
      expect(await ask(resolver(await serve(answer)), holder())).toBe(
        '503 ERR_POP_TOKEN_SOURCE_UNAVAILABLE',
      )
    },
  )

  test.each(['{"active":false}', '{"active":"true"}', '{"active":1}', '{"active":null}', '{}'])(
    'a token of which it says %s is a bad token',
    { tags: ['attack-181'] },
    async (answer) => {
      const url = await serve((response) => void response.end(answer))
      expect(await ask(resolver(url), holder())).toBe('401 ERR_POP_TOKEN_INACTIVE')
    },
  )
})

describe('storedTokens', () => {
  test('finds a token by the hash of its exact text', { tags: ['attack-193'] }, async () => {
    const who = { ...holder(), accessToken: 'token-1' }
    const hash = createHash('sha256').update('token-1').digest('hex')
    const rows = new Map([[hash, { aud: apiUrl, sub: 'carol', cnf: { jwk: who.jwk } }]])
    const resolver = storedTokens((sha256) => rows.get(sha256), { audience: apiUrl })
    expect(await ask(resolver, who)).toBe('accepted carol')
    for (const accessToken of ['TOKEN-1', 'token-_', 'token-%', '%', 'token-1 ', "' or 1=1 --"]) {
      expect(await ask(resolver, { ...who, accessToken })).toBe('401 ERR_POP_TOKEN_UNKNOWN')
    }
  })
})

describe('resolvers of the application', () => {
  const claims = (who: Holder): object => ({ cnf: { jwk: who.jwk } })

  test.each<[string, (who: Holder) => unknown, string]>([
    [
      'what it should',
      (who) => ({
        claims: claims(who),
        confirmation: { jwk: who.jwk },
        scopes: [],
        audience: [],
        subject: 'eve',
      }),
      'accepted eve',
    ],
    ['nothing', () => undefined, '401 ERR_POP_TOKEN_UNKNOWN'],
    [
      'a refusal',
      () => {
        throw new PopError('ERR_POP_TOKEN_INACTIVE')
      },
      '401 ERR_POP_TOKEN_INACTIVE',
    ],
    [
      'another error',
      () => {
        throw new Error('database')
      },
      '503 ERR_POP_TOKEN_SOURCE_UNAVAILABLE',
    ],
    ['null', () => null, '503 ERR_POP_TOKEN_SOURCE_UNAVAILABLE'],
    [
      'scopes that are no list',
      (who) => ({ claims: claims(who), scopes: 'read', audience: [] }),
      '503 ERR_POP_TOKEN_SOURCE_UNAVAILABLE',
    ],
    [
      'no confirmation',
      () => ({ claims: {}, scopes: [], audience: [] }),
      '401 ERR_POP_TOKEN_UNBOUND',
    ],
    [
      'an expired token',
      (who) => ({
        claims: claims(who),
        confirmation: { jwk: who.jwk },
        scopes: [],
        audience: [],
        expiresAt: 1,
      }),
      '401 ERR_POP_TOKEN_EXPIRED',
    ],
  ])('one that gives %s', { tags: ['rule-resolver-outage'] }, async (_, give, outcome) => {
    const who = holder()
    const resolver = { resolve: async () => give(who) } as unknown as TokenResolver
    expect(await ask(resolver, who)).toBe(outcome)
  })

  test('an object that it hands out again is not frozen, nor believed after a change', async () => {
    const who = holder()
    const shared = {
      claims: claims(who),
      confirmation: { jwk: who.jwk } as object,
      scopes: ['a'],
      audience: [],
      subject: 'eve',
    }
    const resolver = { resolve: async () => shared } as unknown as TokenResolver
    expect(await ask(resolver, who)).toBe('accepted eve')
    shared.confirmation = { jwk: holder().jwk }
    expect(await ask(resolver, who)).toBe('401 ERR_POP_PROOF_SIGNATURE_INVALID')
  })

  test(
    'the second is asked when the first does not know the token',
    { tags: ['rule-resolver-first'] },
    async () => {
      const none = { resolve: async () => undefined }
      expect(await ask([none, tokens], holder())).toBe('accepted alice')
    },
  )
})

describe('a key that the application finds', () => {
  test.each<[string, () => Promise<never>, number]>([
    ['a rejection', () => Promise.reject(new Error('vault')), 503],
    ['a private key', async () => ({ kty: 'EC', crv: 'P-256', d: 'AA' }) as never, 401],
    ['an empty secret', async () => ({ kty: 'oct', k: '' }) as never, 401],
    ['null', async () => null as never, 401],
  ])(
    '%s refuses the request',
    { tags: ['attack-95', 'rule-key-secret', 'rule-resolver-outage'] },
    async (_, resolveKey, status) => {
      const who = holder('none')
      const verifier = createVerifier({
        publicUrl: apiUrl,
        tokens,
        now: clock.now,
        schemes: [pop({ resolveKey }), bearer()],
      })
      const rawHeaders = [
        'Host',
        'api.example.com',
        'Authorization',
        `PoP ${signPop(who, clock.seconds())}`,
      ]
      await expect(
        verifier.verify({ method: 'GET', target: '/items', rawHeaders }),
      ).rejects.toMatchObject({ status })
    },
  )
})
