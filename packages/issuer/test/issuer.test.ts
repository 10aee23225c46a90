import { createIssuer, memoryTokenStore, type TokenStore } from '@oauth-pop/issuer'
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  jwtVerify,
  type JWK,
} from 'jose'
import { describe, expect, test, vi } from 'vitest'

const issuerUrl = 'https://as.example.com'
const start = 1_790_000_000

async function privateJwk(alg = 'ES256'): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg }
}

function publicHalf({ kty, crv, x, y, n, e, alg }: JWK): JWK {
  return JSON.parse(JSON.stringify({ kty, crv, x, y, n, e, alg })) as JWK
}

const request = {
  clientId: 'app',
  subject: 'alice',
  audience: 'https://api.example.com',
  scope: 'read write',
}

describe('createIssuer', () => {
  test('with opaque tokens, makes a key pair, hands it over and keeps the public half', async () => {
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
  })

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

  test('refuses keys of a client that are not usable public keys, and stores nothing', async () => {
    const put = vi.fn<TokenStore['put']>(async () => {})
    const store = { ...memoryTokenStore(), put }
    const issuer = createIssuer({ issuer: issuerUrl, tokens: 'opaque', store })
    const ec = await privateJwk('ES256')
    const { privateKey } = await generateKeyPair('RS256', { extractable: true })
    const rsa = publicHalf(await exportJWK(privateKey))
    const wrong: Record<string, unknown> = {
      'a private key': ec,
      'a symmetric key': { kty: 'oct', k: 'AAAA' },
      'an unknown type': { kty: 'XX' },
      'an unknown curve': { ...publicHalf(ec), crv: 'secp256k1' },
      'a point off the curve': { ...publicHalf(ec), y: ec.x },
      'a short modulus': { ...rsa, n: rsa.n?.slice(0, 171) },
      'no key': undefined,
      text: 'key',
    }
    const outcomes = Object.entries(wrong).map(async ([name, jwk]) => {
      const issuing = issuer.issue({ ...request, key: { by: 'client', jwk: jwk as JWK } })
      return issuing.then(
        () => `${name} was accepted`,
        ({ error, status }: { error: string; status: number }) => `${name}: ${status} ${error}`,
      )
    })
    expect(await Promise.all(outcomes)).toEqual(
      Object.keys(wrong).map((name) => `${name}: 400 invalid_request`),
    )
    await expect(issuer.issue({ ...request, key: { by: 'magic' } as never })).rejects.toMatchObject(
      { error: 'invalid_request' },
    )
    expect(put).not.toHaveBeenCalled()
  })

  test.each([
    ['no issuer', { tokens: 'opaque' }],
    ['no kind of token', { issuer: issuerUrl }],
    ['JWTs without a key', { issuer: issuerUrl, tokens: 'jwt' }],
    ['a key without alg', { issuer: issuerUrl, tokens: 'jwt', signingKey: { kty: 'EC', d: 'AA' } }],
    ['a public key', { issuer: issuerUrl, tokens: 'jwt', signingKey: { kty: 'EC', alg: 'ES256' } }],
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
