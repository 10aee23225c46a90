import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { createIssuer, memoryTokenStore, type Issuer, type TokenStore } from '@oauth-pop/issuer'
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  jwtVerify,
  SignJWT,
  type JWK,
} from 'jose'
import { describe, expect, test } from 'vitest'
import { privateJwk, publicHalf } from './keys.ts'

const issuerUrl = 'https://as.example.com'
const start = 1_790_000_000

const ec = await privateJwk('ES256')
const ed = await privateJwk('EdDSA')
const secret: JWK = { kty: 'oct', k: randomBytes(32).toString('base64url'), alg: 'HS256' }
const shortRsa = {
  ...generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'jwk' }),
  alg: 'RS256',
}

/** The last character of 64 bytes has four bits that say nothing. */
function otherLastCharacter(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return token.slice(0, -1) + alphabet.charAt(alphabet.indexOf(token.slice(-1)) ^ 1)
}

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** Anybody can make the second signature of ECDSA, `(r, n - s)`. */
function otherSignature(token: string): string {
  const end = token.lastIndexOf('.') + 1
  const bytes = Buffer.from(token.slice(end), 'base64url')
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const other = (order - s).toString(16).padStart(64, '0')
  const signature = Buffer.concat([bytes.subarray(0, 32), Buffer.from(other, 'hex')])
  return token.slice(0, end) + signature.toString('base64url')
}

const request = {
  clientId: 'app',
  subject: 'alice',
  audience: 'https://api.example.com',
  scope: 'read write',
}

describe('createIssuer', () => {
  test(
    'with opaque tokens, makes a key pair, hands it over and keeps the public half',
    { tags: ['rule-issuer-public-half'] },
    async () => {
      const kept = new Map<string, unknown>()
      const store: TokenStore = {
        put: async (hash, record) => void kept.set(hash, record),
        get: async (hash) => kept.get(hash) as never,
      }
      const issuer = createIssuer({
        issuer: issuerUrl,
        tokens: 'opaque',
        store,
        lifetimeSeconds: 600,
        now: () => start * 1000,
      })
      const response = await issuer.issue({ ...request, key: { by: 'server', algorithm: 'ES256' } })
      const key = response.access_token_key as JWK
      expect(response).toMatchObject({
        token_type: 'PoP',
        expires_in: 600,
        scope: 'read write',
        alg: 'ES256',
      })
      expect(response.access_token).toMatch(/^[\w-]{43}$/)
      expect(key.kid).toBe(await calculateJwkThumbprint(key))
      expect(JSON.stringify([...kept])).not.toContain(response.access_token)
      expect(JSON.stringify([...kept])).not.toContain(key.d)
      const answer = await issuer.introspect(response.access_token)
      expect(answer).toMatchObject({
        active: true,
        iss: issuerUrl,
        sub: 'alice',
        aud: 'https://api.example.com',
        client_id: 'app',
        scope: 'read write',
        iat: start,
        exp: start + 600,
        token_type: 'PoP',
        cnf: { jwk: { kty: 'EC', x: key.x } },
        access_token_key: { kty: 'EC', x: key.x },
      })
      expect(JSON.stringify(answer)).not.toContain(key.d)
    },
  )

  test('makes another key for every token', async () => {
    const issuer = createIssuer({ issuer: issuerUrl, tokens: 'opaque' })
    const issue = (): Promise<JWK | undefined> =>
      issuer
        .issue({ ...request, key: { by: 'server', algorithm: 'ES256' } })
        .then((answer) => answer.access_token_key)
    expect((await issue())?.kid).not.toBe((await issue())?.kid)
  })

  test('with JWTs, issues RFC 9068 tokens that its key set verifies', async () => {
    const issuer = createIssuer({
      issuer: issuerUrl,
      tokens: 'jwt',
      signingKey: await privateJwk('ES256'),
    })
    const jwk = publicHalf(await privateJwk('RS256'))
    const response = await issuer.issue({ ...request, key: { by: 'client', jwk } })
    expect(response).not.toHaveProperty('access_token_key')
    const { payload, protectedHeader } = await jwtVerify(
      response.access_token,
      createLocalJWKSet(await issuer.jwks()),
      {
        issuer: issuerUrl,
        audience: request.audience,
        typ: 'at+jwt',
      },
    )
    expect(payload).toMatchObject({
      sub: 'alice',
      client_id: 'app',
      scope: 'read write',
      cnf: { jwk },
    })
    expect(protectedHeader.kid).toBe((await issuer.jwks()).keys[0]?.kid)
    expect(JSON.stringify(await issuer.jwks())).not.toContain('"d"')
    expect(await issuer.introspect(response.access_token)).toMatchObject({
      active: true,
      cnf: { jwk },
    })
  })

  test.each(['jwt', 'opaque'] as const)(
    'a %s token is inactive once it is revoked, or expired, or unknown',
    async (tokens) => {
      let now = start
      const issuer = createIssuer({
        issuer: issuerUrl,
        tokens,
        signingKey: await privateJwk(),
        now: () => now * 1000,
      })
      const issue = async (): Promise<string> =>
        (await issuer.issue({ ...request, key: { by: 'server', algorithm: 'ES256' } })).access_token
      const [revoked, expiring] = [await issue(), await issue()]
      await issuer.revoke(revoked)
      await issuer.revoke('unknown')
      expect(await issuer.introspect(revoked)).toEqual({ active: false })
      expect(await issuer.introspect(expiring)).toMatchObject({ active: true })
      expect(await issuer.introspect('unknown')).toEqual({ active: false })
      now += 3600
      expect(await issuer.introspect(expiring)).toEqual({ active: false })
    },
  )

  test.each([
    ['no audience', { audience: undefined }],
    ['an empty audience', { audience: [] }],
    ['no client', { clientId: undefined }],
    ['an empty subject', { subject: '' }],
    ['no scope', { scope: null }],
    ['no key', { key: undefined }],
  ])('refuses a call with %s, which no client can cause', async (_, wrong) => {
    const issuer = createIssuer({ issuer: issuerUrl, tokens: 'opaque' })
    const call = { ...request, key: { by: 'server', algorithm: 'ES256' }, ...wrong }
    await expect(issuer.issue(call as never)).rejects.toThrow(TypeError)
  })

  test('says that a public key cannot sign', () => {
    const options = { issuer: issuerUrl, tokens: 'jwt', signingKey: publicHalf(ec) } as const
    expect(() => createIssuer(options)).toThrow('signingKey must be a private key')
  })

  test('remembers a revoked JWT until it would have expired', async () => {
    let now = start
    const options = {
      issuer: issuerUrl,
      tokens: 'jwt',
      signingKey: ec,
      now: () => now * 1000,
    } as const
    const issuer = createIssuer(options)
    const issue = async (): Promise<string> =>
      (await issuer.issue({ ...request, key: { by: 'server', algorithm: 'ES256' } })).access_token
    const [revoked, other] = [await issue(), await issue()]
    await issuer.revoke(revoked)
    now += 3000
    await issuer.revoke(other)
    expect(await issuer.introspect(revoked)).toEqual({ active: false })
  })

  test('knows a revoked JWT however it is spelt', async () => {
    const issuer = createIssuer({ issuer: issuerUrl, tokens: 'jwt', signingKey: ec })
    const issue = async (): Promise<string> =>
      (await issuer.issue({ ...request, key: { by: 'server', algorithm: 'ES256' } })).access_token
    const spellings = (token: string): readonly string[] => [
      token,
      `${token}\n`,
      ` ${token}`,
      `${token}==`,
      otherLastCharacter(token),
      otherSignature(token),
    ]
    const [revoked, ...others] = [await issue(), await issue(), await issue()]
    await issuer.revoke(String(revoked))
    for (const token of spellings(String(revoked)))
      expect(await issuer.introspect(token)).toEqual({ active: false })
    for (const [index, token] of others.entries()) {
      await issuer.revoke(String(spellings(token)[index + 4]))
      expect(await issuer.introspect(token)).toEqual({ active: false })
    }
  })

  test('takes null from a store for nothing', async () => {
    const kept = memoryTokenStore()
    const store = { ...kept, get: async (hash: string) => (await kept.get(hash)) ?? null }
    const issuer = createIssuer({ issuer: issuerUrl, tokens: 'jwt', signingKey: ec, store })
    const { access_token: token } = await issuer.issue({
      ...request,
      key: { by: 'server', algorithm: 'ES256' },
    })
    expect(await issuer.introspect(token)).toMatchObject({ active: true })
    await issuer.revoke(token)
    expect(await issuer.introspect(token)).toEqual({ active: false })
    expect(await issuer.introspect('unknown')).toEqual({ active: false })
  })

  test('revokes once and for all, whoever asks again', async () => {
    const [old, next] = [await privateJwk('ES256'), await privateJwk('ES256')]
    const store = memoryTokenStore()
    const create = (...signingKey: JWK[]): Issuer =>
      createIssuer({ issuer: issuerUrl, tokens: 'jwt', signingKey, store })
    const [both, onlyNext] = [create(old, next), create(next)]
    const { access_token: token } = await both.issue({
      ...request,
      key: { by: 'server', algorithm: 'ES256' },
    })
    await both.revoke(token)
    const { jti } = decodeJwt(token)
    for (const again of [token, String(jti), `revoked ${jti}`]) {
      await onlyNext.revoke(again)
      await both.revoke(again)
      expect(await both.introspect(token)).toEqual({ active: false })
      expect(await both.introspect(again)).toEqual({ active: false })
    }
  })

  test('changes its signing key without losing a token', async () => {
    const [old, next] = [await privateJwk('ES256'), await privateJwk('RS256')]
    const create = (...signingKey: JWK[]): Issuer =>
      createIssuer({ issuer: issuerUrl, tokens: 'jwt', signingKey })
    const issueBy = async (issuer: Issuer): Promise<string> =>
      (await issuer.issue({ ...request, key: { by: 'server', algorithm: 'ES256' } })).access_token
    const [before, during, after] = [create(old, next), create(next, old), create(next)]
    const [oldToken, newToken] = [await issueBy(before), await issueBy(during)]
    const kids = (await during.jwks()).keys.map(({ kid }) => kid)
    expect(kids).toEqual((await before.jwks()).keys.map(({ kid }) => kid).toReversed())
    expect([oldToken, newToken].map((token) => decodeProtectedHeader(token).kid)).toEqual(
      kids.toReversed(),
    )
    const isActive = async (issuer: Issuer, token: string): Promise<boolean> =>
      (await issuer.introspect(token)).active
    expect(await isActive(during, oldToken)).toBe(true)
    expect(await isActive(before, newToken)).toBe(true)
    expect(await isActive(after, newToken)).toBe(true)
    expect(await isActive(after, oldToken)).toBe(false)
  })

  test('does not vouch for other tokens that its key signed', async () => {
    const issuer = createIssuer({ issuer: issuerUrl, tokens: 'jwt', signingKey: ec })
    const { keys } = await issuer.jwks()
    const sign = (claims: object, typ: string): Promise<string> =>
      new SignJWT({ exp: start * 2, jti: 'j', client_id: 'app', cnf: { kid: 'k' }, ...claims })
        .setProtectedHeader({ alg: 'ES256', typ, kid: String(keys[0]?.kid) })
        .sign(createPrivateKey({ key: { ...ec }, format: 'jwk' }))
    const tokens = [
      await sign({ iss: issuerUrl }, 'at+jwt'),
      await sign({ iss: issuerUrl }, 'JWT'),
      await sign({ iss: 'https://other.example.com' }, 'at+jwt'),
      ...(await Promise.all(
        [
          { cnf: undefined },
          { cnf: null },
          { cnf: 'k' },
          { cnf: {} },
          { cnf: { x5t: 'k' } },
          { exp: undefined },
          { jti: undefined },
          { client_id: undefined },
        ].map((claims) => sign({ iss: issuerUrl, ...claims }, 'at+jwt')),
      )),
    ]
    const answers = await Promise.all(tokens.map((token) => issuer.introspect(token)))
    expect(answers.map(({ active }) => active)).toEqual([true, ...Array<boolean>(10).fill(false)])
    for (const token of tokens) await issuer.revoke(token)
  })

  test.each([
    ['no issuer', { tokens: 'opaque' }],
    ['no kind of token', { issuer: issuerUrl }],
    ['JWTs without a key', { issuer: issuerUrl, tokens: 'jwt' }],
    ['a key without alg', { issuer: issuerUrl, tokens: 'jwt', signingKey: { kty: 'EC', d: 'AA' } }],
    ['a public key', { issuer: issuerUrl, tokens: 'jwt', signingKey: { kty: 'EC', alg: 'ES256' } }],
    ['a key twice', { issuer: issuerUrl, tokens: 'jwt', signingKey: [ec, { ...ec, kid: 'a' }] }],
    [
      'a short encryption key',
      {
        issuer: issuerUrl,
        tokens: 'opaque',
        encryptionKey: { ...publicHalf(shortRsa), alg: 'RSA-OAEP-256' },
      },
    ],
    [
      'an encryption key for signatures',
      {
        issuer: issuerUrl,
        tokens: 'opaque',
        encryptionKey: { ...publicHalf(ec), alg: 'ECDH-ES', use: 'sig' },
      },
    ],
    [
      'an encryption key of another curve',
      { issuer: issuerUrl, tokens: 'opaque', encryptionKey: { ...publicHalf(ed), alg: 'ECDH-ES' } },
    ],
    ['no key in the list', { issuer: issuerUrl, tokens: 'jwt', signingKey: [] }],
    [
      'an alg of another key',
      { issuer: issuerUrl, tokens: 'jwt', signingKey: { ...ec, alg: 'RS256' } },
    ],
    ['a symmetric key', { issuer: issuerUrl, tokens: 'jwt', signingKey: { ...secret, d: 'AA' } }],
    ['a short RSA key', { issuer: issuerUrl, tokens: 'jwt', signingKey: shortRsa }],
    [
      'a private encryption key',
      { issuer: issuerUrl, tokens: 'opaque', encryptionKey: { ...ec, alg: 'ECDH-ES' } },
    ],
    [
      'an encryption key without alg',
      { issuer: issuerUrl, tokens: 'opaque', encryptionKey: { ...publicHalf(ec), alg: undefined } },
    ],
    [
      'an alg of another encryption key',
      {
        issuer: issuerUrl,
        tokens: 'opaque',
        encryptionKey: { ...publicHalf(ec), alg: 'RSA-OAEP-256' },
      },
    ],
    [
      'a symmetric encryption key',
      { issuer: issuerUrl, tokens: 'opaque', encryptionKey: { ...secret, alg: 'A256KW' } },
    ],
    ['http to another machine', { issuer: 'http://as.example.com', tokens: 'opaque' }],
    ['a query in the issuer', { issuer: `${issuerUrl}/?a=1`, tokens: 'opaque' }],
    ['a space before the issuer', { issuer: ` ${issuerUrl}`, tokens: 'opaque' }],
    ['a user in the issuer', { issuer: 'https://u:p@as.example.com', tokens: 'opaque' }],
    ['a store without functions', { issuer: issuerUrl, tokens: 'opaque', store: { put() {} } }],
    ['a clock that is a number', { issuer: issuerUrl, tokens: 'opaque', now: 5 }],
    ['a fragment in the issuer', { issuer: `${issuerUrl}#`, tokens: 'opaque' }],
    ['an unknown name', { issuer: issuerUrl, tokens: 'opaque', signingKeys: [] }],
    ['a lifetime of nothing', { issuer: issuerUrl, tokens: 'opaque', lifetimeSeconds: 0 }],
  ])('refuses options with %s', (_, options) => {
    expect(() => createIssuer(options as never)).toThrow(TypeError)
  })
})

describe('memoryTokenStore', () => {
  test('forgets expired tokens as new ones come', async () => {
    let now = start
    const store = memoryTokenStore(() => now * 1000)
    await store.put('old', { claims: {}, expiresAt: start + 10 })
    now += 100
    await store.put('new', { claims: {}, expiresAt: now + 10 })
    expect([await store.get('old'), await store.get('new')]).toMatchObject([
      undefined,
      { claims: {} },
    ])
  })
})
