import {
  createDpopProof,
  generateKeyPair,
  type DpopRequest,
  type ProofAlgorithm,
  type ProofSigner,
} from '@oauth-pop/client'
import { createVerifier, dpop, PopError } from '@oauth-pop/core'
import * as peer from 'dpop'
import fc from 'fast-check'
import { decodeJwt, decodeProtectedHeader, exportJWK } from 'jose'
import { describe, expect, test } from 'vitest'

const key = await generateKeyPair({ algorithm: 'ES256', extractable: true })
const { privateKey: shortRsa } = await crypto.subtle.generateKey(
  {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 1024,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  },
  true,
  ['sign', 'verify'],
)
const privateJwk = await exportJWK(key.privateKey)
const shortJwk = { ...(await exportJWK(shortRsa)), alg: 'RS256' }
const url = 'https://api.example.com/photos'
const base: DpopRequest = { method: 'GET', url, key }

/** What makes two proofs of one request differ. */
const own = {
  jti: expect.stringMatching(/^[\w-]{22,}$/) as string,
  iat: expect.any(Number) as number,
}

describe('createDpopProof', () => {
  test(
    'has the members of RFC 9449 and nothing else',
    { tags: ['rule-client-dpop-proof', 'rule-client-private'] },
    async () => {
      const proof = await createDpopProof({ ...base, method: 'post', now: () => 1_790_000_000_999 })
      const { kty, crv, x, y } = key.jwk
      expect(decodeProtectedHeader(proof)).toEqual({
        typ: 'dpop+jwt',
        alg: 'ES256',
        jwk: { kty, crv, x, y },
      })
      expect(decodeJwt(proof)).toEqual({ ...own, htm: 'POST', htu: url, iat: 1_790_000_000 })
    },
  )

  test('hashes the token that goes along', { tags: ['rule-client-dpop-ath'] }, async () => {
    // RFC 9449 section 7.1, figure 12.
    const accessToken = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'
    const proof = await createDpopProof({ ...base, accessToken: async () => accessToken })
    expect(decodeJwt(proof)['ath']).toBe('fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo')
  })

  test('never has the same jti twice', { tags: ['rule-client-jti'] }, async () => {
    const proofs = await Promise.all(Array.from({ length: 50 }, () => createDpopProof(base)))
    expect(new Set(proofs.map((proof) => decodeJwt(proof).jti)).size).toBe(50)
  })

  test('says the nonce', async () => {
    expect(decodeJwt(await createDpopProof({ ...base, nonce: 'n-1' }))['nonce']).toBe('n-1')
  })

  describe('agrees with the package dpop, member by member', () => {
    const all: readonly ProofAlgorithm[] = ['ES256', 'RS256', 'PS256', 'Ed25519']
    const asked = {
      'a token': { accessToken: 'token' },
      'a nonce': { nonce: 'n1' },
      both: { accessToken: 'token', nonce: 'n1' },
      neither: {},
    }
    test.each(all.flatMap((name) => Object.entries(asked).map((what) => [name, ...what] as const)))(
      '%s with %s',
      { tags: ['rule-client-dpop-proof'] },
      async (algorithm, _, given: { accessToken?: string; nonce?: string }) => {
        const pair = await generateKeyPair({ algorithm })
        const target = 'https://API.example.com:443/a%7Eb//c/../d?e=f#g'
        const htu = 'https://api.example.com/a%7Eb//d'
        const keyPair = { privateKey: pair.privateKey, publicKey: pair.publicKey }
        const theirs = await peer.generateProof(
          keyPair as peer.KeyPair,
          htu,
          'POST',
          given.nonce,
          given.accessToken,
        )
        const ours = await createDpopProof({ method: 'POST', url: target, key: pair, ...given })
        expect(decodeProtectedHeader(ours)).toEqual(decodeProtectedHeader(theirs))
        expect({ ...decodeJwt(theirs), ...own }).toEqual(decodeJwt(ours))
        expect(Object.keys(decodeJwt(ours)).toSorted()).toEqual(
          Object.keys(decodeJwt(theirs)).toSorted(),
        )
      },
    )
  })

  const signer: ProofSigner = {
    algorithm: 'ES256',
    jwk: key.jwk,
    sign: async (bytes) =>
      new Uint8Array(
        await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.privateKey, bytes),
      ),
  }
  test.each([
    ['a pair', key],
    ['a function that finds a pair', async () => key],
    ['a private JWK', { ...privateJwk, alg: 'ES256' }],
    ['a signer', signer],
  ])('signs with %s', { tags: ['rule-client-private'] }, async (_, given) => {
    const proof = await createDpopProof({ ...base, key: given, accessToken: 'token' })
    expect(decodeProtectedHeader(proof).jwk).not.toHaveProperty('d')
    expect(await outcomeOf(url, proof)).toBe('accepted')
  })

  test('refuses a secret', { tags: ['rule-client-dpop-asymmetric'] }, async () => {
    const secret = { kty: 'oct', k: 'A'.repeat(43), alg: 'HS256' }
    const signing = createDpopProof({ ...base, key: secret })
    await expect(signing).rejects.toThrow(
      new TypeError('a DPoP proof shows a public key: a secret has none'),
    )
  })

  test.each<[string, object, string]>([
    ['a short RSA key', { key: shortJwk }, '2048 to 4096 bits'],
    ['a method that is none', { method: 'GET /' }, 'method must be'],
    ['a relative URL', { url: '/photos' }, 'absolute URL'],
    ['a URL that is not http', { url: 'ws://api.example.com/' }, 'http or https'],
    ['a percent sign that begins no escape', { url: `${url}/100%` }, 'write %25'],
    ['an empty nonce', { nonce: '' }, 'nonce must be'],
    ['an empty token', { accessToken: '' }, 'accessToken must be'],
    ['a token with a space', { accessToken: 'a b' }, 'cannot travel'],
    ['a token with a comma', { accessToken: 'a,b' }, 'cannot travel'],
    ['a token with a line break', { accessToken: 'ab\n' }, 'no access token has'],
    ['a token of 16385 characters', { accessToken: 'a'.repeat(16_385) }, 'servers take 16384'],
    ['a URL too long for a proof', { url: `${url}/${'a'.repeat(8192)}` }, 'servers take 8192'],
    ['a clock that gives nothing', { now: () => NaN }, 'now must give'],
  ])('refuses %s', { tags: ['rule-client-acceptable'] }, async (_, change, said) => {
    const signing = createDpopProof({ ...base, ...change })
    await expect(signing).rejects.toThrow(TypeError)
    await expect(signing).rejects.toThrow(said)
  })
})

/** What the verifier makes of the proof for a GET of the URL with the token `token`. */
async function outcomeOf(target: string, proof: string): Promise<string> {
  const { origin, host, pathname, search } = new URL(target)
  const verifier = createVerifier({
    publicUrl: origin,
    tokens: {
      resolve: async () => ({
        claims: {},
        confirmation: { jkt: key.thumbprint },
        scopes: [],
        audience: [],
      }),
    },
    schemes: [dpop()],
    replay: 'dangerously-none',
  })
  const verifying = verifier.verify({
    method: 'GET',
    target: pathname + search,
    rawHeaders: ['Host', host, 'Authorization', 'DPoP token', 'DPoP', proof],
  })
  return verifying.then(
    () => 'accepted',
    (error: unknown) => (error instanceof PopError ? error.code : `crashed: ${String(error)}`),
  )
}

/** Every percent sign begins an escape. */
function isUriPath(path: string): boolean {
  return !path.replaceAll(/%[\dA-Fa-f]{2}/g, '').includes('%')
}

const anything = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.webPath())

describe('htu', { tags: ['rule-client-dpop-htu'] }, () => {
  const anyUrl = fc
    .record({
      scheme: fc.constantFrom('http', 'https', 'HTTPS'),
      user: fc.option(fc.tuple(anything, anything)),
      host: fc.constantFrom(
        'api.example.com',
        'API.Example.COM',
        '[::1]',
        '127.0.0.1',
        'b\u00fc.x',
      ),
      port: fc.constantFrom('', ':443', ':80', ':8443'),
      path: anything,
      query: fc.option(anything),
      fragment: fc.option(anything),
    })
    .map(({ scheme, user, host, port, path, query, fragment }) => {
      const made = new URL(`${scheme}://${host}${port}`)
      made.pathname = path
      if (user !== null) [made.username, made.password] = user
      if (query !== null) made.search = query
      if (fragment !== null) made.hash = fragment
      return made
    })

  test('never holds query, fragment or user, whatever the URL', async () => {
    await fc.assert(
      fc.asyncProperty(anyUrl, fc.boolean(), async (made, asText) => {
        const proving = createDpopProof({ ...base, url: asText ? made.href : made })
        const htu = await proving.then(
          (proof) => String(decodeJwt(proof)['htu']),
          (error: Error) => error.message,
        )
        const bare = new URL(made)
        bare.username = bare.password = bare.search = bare.hash = ''
        const refusal = 'url has a percent sign in its path that begins no escape: write %25'
        expect(htu).toBe(isUriPath(made.pathname) ? bare.href : refusal)
        expect(htu).not.toMatch(/[?#]/)
      }),
      { numRuns: 1000 },
    )
  })

  test('is what the verifier expects, whatever the path and query', async () => {
    const target = fc.tuple(anything, fc.option(anything)).map(([path, query]) => {
      const made = new URL('https://api.example.com')
      made.pathname = path
      if (query !== null) made.search = query.replaceAll('\\', '')
      return made
    })
    const uri = target.filter(({ pathname }) => isUriPath(pathname)).map(({ href }) => href)
    await fc.assert(
      fc.asyncProperty(uri, async (made) => {
        const proof = await createDpopProof({ ...base, url: made, accessToken: 'token' })
        expect(await outcomeOf(made, proof)).toBe('accepted')
      }),
      { numRuns: 500 },
    )
  })
})
