import { createHash, createPublicKey, verify } from 'node:crypto'
import {
  generateKeyPair,
  signPopRequest,
  type PopRequest,
  type ProofAlgorithm,
} from '@oauth-pop/client'
import { describe, expect, test } from 'vitest'

const key = await generateKeyPair({ algorithm: 'ES256' })
const now = (): number => 1_790_000_000_999

type Change = Partial<PopRequest>

async function sign(
  change: Change = {},
): Promise<{ header: object; payload: Record<string, unknown>; jws: string }> {
  const jws = await signPopRequest({
    method: 'GET',
    url: 'https://api.example.com/items',
    accessToken: 'token',
    key,
    now,
    ...change,
  })
  const [header, payload] = jws.split('.').map(decode)
  return { jws, header: header as object, payload: payload as Record<string, unknown> }
}

function decode(segment: string): unknown {
  try {
    return JSON.parse(Buffer.from(segment, 'base64url').toString())
  } catch {
    return undefined
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

describe('signPopRequest', () => {
  test('signs token, time, method, host and path, and names itself', async () => {
    const { header, payload } = await sign({
      method: 'post',
      url: 'https://API.example.com:8443/a%20b/?x=1#frag',
    })
    expect(header).toEqual({ typ: 'pop', alg: 'ES256' })
    expect(payload).toEqual({
      at: 'token',
      ts: 1_790_000_000,
      m: 'POST',
      u: 'api.example.com:8443',
      p: '/a%20b/',
      jti: expect.stringMatching(/^[\w-]{22}$/) as string,
      cnf: { jwk: key.jwk },
    })
  })

  test.each(['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA', 'Ed25519'] as ProofAlgorithm[])(
    'makes an %s signature that node:crypto verifies',
    async (algorithm) => {
      const pair = await generateKeyPair({ algorithm })
      const { jws, payload } = await sign({ key: pair })
      const { jwk } = payload['cnf'] as { jwk: object }
      const publicKey = createPublicKey({ key: jwk as never, format: 'jwk' })
      const end = jws.lastIndexOf('.')
      const hash = algorithm.startsWith('Ed') ? null : `sha${algorithm.slice(2)}`
      const options = {
        key: publicKey,
        dsaEncoding: 'ieee-p1363',
        ...(algorithm === 'PS256' && { padding: 6, saltLength: 32 }),
      } as const
      const signature = Buffer.from(jws.slice(end + 1), 'base64url')
      expect(verify(hash, Buffer.from(jws.slice(0, end)), options, signature)).toBe(true)
    },
  )

  test('takes another jti each time', { tags: ['rule-client-jti'] }, async () => {
    const ids = await Promise.all(
      Array.from({ length: 50 }, async () => (await sign()).payload['jti']),
    )
    expect(new Set(ids).size).toBe(50)
  })

  test(
    'puts nothing private into the proof of a private JWK',
    { tags: ['rule-client-private'] },
    async () => {
      const pair = await generateKeyPair({ algorithm: 'ES256', extractable: true })
      const jwk = await crypto.subtle.exportKey('jwk', pair.privateKey as never)
      const { payload } = await sign({ key: { ...jwk, alg: 'ES256' } as never })
      expect(payload['cnf']).toEqual({ jwk: pair.jwk })
    },
  )

  test.each([
    [
      'the vector of the draft',
      'b=bar&a=foo&c=duck',
      ['b', 'a', 'c'],
      'u4LgkGUWhP9MsKrEjA4dizIllDXluDku6ZqCeyuR-JY',
    ],
    [
      'names and values as they travel',
      'query%20Param1=val%20ue1',
      ['query%20Param1'],
      '_jRq8roqhvv4ggf8EvZC78qFSEkxnODWmQ7rLgYj8jc',
    ],
    [
      'an equals sign in a value',
      'sig=YWJjZA==',
      ['sig'],
      'Ukp_huPfWUd5jSVIBAjZToCMvSPtiYDQQJiSYWTQlFs',
    ],
    ['an empty value', 't=', ['t'], 'F88tywrqr231HfFREWz9RTVsic3vIf1LvO_O3jUNBag'],
  ])('covers the query: %s', async (_, query, names, hash) => {
    const { payload } = await sign({
      url: `https://api.example.com/?${query}`,
      cover: { query: names },
    })
    expect(payload['q']).toEqual([names, hash])
    const all = await sign({ url: `https://api.example.com/?${query}`, cover: { query: true } })
    expect(all.payload['q']).toEqual([
      query.split('&').map((pair) => pair.split('=')[0]),
      hashOf(query),
    ])
  })

  test('covers headers joined by a line feed', async () => {
    const headers = { 'Content-Type': 'application/json', ETag: '742-3u8f34-3r2nvv3' }
    const { payload } = await sign({ headers, cover: { headers: ['content-type', 'etag'] } })
    expect(payload['h']).toEqual([
      ['content-type', 'etag'],
      'P6z5XN4tTzHkfwe3XO1YvVUIurSuhvh_UG10N_j-aGs',
    ])
  })

  test.each([
    ['text', 'abcd', 'iNQmb9TmM40TuEX88olXnSCciXgjuSF9o-Fhk28DFYk'],
    [
      'bytes',
      Uint8Array.from([1, 2, 3]),
      createHash('sha256')
        .update(Uint8Array.from([1, 2, 3]))
        .digest('base64url'),
    ],
    ['a form', new URLSearchParams({ a: 'b c' }), hashOf('a=b+c')],
    ['a file', new Blob(['abcd']), 'iNQmb9TmM40TuEX88olXnSCciXgjuSF9o-Fhk28DFYk'],
    ['nothing', undefined, '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'],
  ])('covers a body of %s', async (_, body, hash) => {
    const { payload } = await sign({ method: 'POST', body, cover: { body: true } })
    expect(payload['b']).toBe(hash)
  })

  test(
    'carries the nonce of a server only when there is one',
    { tags: ['rule-client-nonce'] },
    async () => {
      expect((await sign({ nonce: 'n1' })).payload['nonce']).toBe('n1')
      expect((await sign()).payload).not.toHaveProperty('nonce')
    },
  )

  test.each<[string, Change]>([
    ['a relative URL', { url: '/items' }],
    ['a URL of another scheme', { url: 'ftp://api.example.com/' }],
    ['a repeated parameter', { url: 'https://api.example.com/?a=1&a=2', cover: { query: ['a'] } }],
    ['a parameter that is not there', { cover: { query: ['a'] } }],
    ['the credential parameter', { cover: { query: ['pop_access_token'] } }],
    [
      'the Authorization header',
      { headers: { authorization: 'x' }, cover: { headers: ['Authorization'] } },
    ],
    ['a header that is not there', { cover: { headers: ['etag'] } }],
    ['a stream', { body: new ReadableStream() as never, cover: { body: true } }],
    ['form data', { body: new FormData() as never, cover: { body: true } }],
    ['an unknown part', { cover: { everything: true } as never }],
    ['no key', { key: undefined as never }],
    ['a symmetric key', { key: { kty: 'oct', k: 'AAAA', alg: 'HS256' } as never }],
    ['a public key', { key: key.jwk }],
    ['no access token', { accessToken: '' }],
  ])('refuses to sign for %s', async (_, change) => {
    await expect(sign(change)).rejects.toThrow(TypeError)
  })

  const url = 'https://api.example.com/'
  const many = Array.from({ length: 257 }, (__, index) => `p${index}=1`).join('&')
  test.each<[string, Change, said: string]>([
    ['an empty method', { method: '' }, 'method must be an HTTP method'],
    ['a method in spaces', { method: ' GET ' }, 'method must be an HTTP method'],
    ['no method', { method: undefined as never }, 'method must be an HTTP method'],
    ['a method that upper case makes one', { method: 'po\u017ft' }, 'method must be'],
    ['a host that no Host can name', { url: 'https://a!b.example/' }, 'url has a host'],
    ['port 0', { url: 'https://api.example.com:0/' }, 'url has a host'],
    ['a backslash in the query', { url: `${url}?a=\\` }, 'write %5C'],
    ['a second credential', { url: `${url}?pop_access_token=a` }, 'pop_access_token already'],
    ['one in disguise', { url: `${url}?pop%5Faccess_token[x]=a` }, 'pop_access_token already'],
    [
      'more parameters than verifiers read',
      { url: `${url}?${many}`, cover: { query: true } },
      '256',
    ],
    [
      'a twin of a parameter',
      { url: `${url}?a=1&%61=2`, cover: { query: ['a'] } },
      '"%61" must be',
    ],
    ['a list for a parameter', { url: `${url}?a=1&a[]=2`, cover: { query: ['a'] } }, '"a[]" must'],
    ['a member for it', { url: `${url}?a=1&a.b=2`, cover: { query: ['a'] } }, '"a.b" must'],
    ['a name that no header has', { cover: { headers: ['x y'] } }, 'must hold header names'],
    ['the DPoP header', { headers: { dpop: 'a' }, cover: { headers: ['DPoP'] } }, 'cover dpop'],
    ['a token with its line break', { accessToken: 'token\n' }, 'no access token has'],
    ['a token that makes it too long', { accessToken: 'x'.repeat(12_000) }, 'servers take 16384'],
    ['an empty nonce', { nonce: '' }, 'nonce must be'],
    ['a clock that is broken', { now: () => Number.NaN }, 'now must give milliseconds'],
    ['a clock before 1970', { now: () => -1 }, 'now must give milliseconds'],
  ])(
    'refuses %s at once, and says why',
    { tags: ['rule-client-acceptable'] },
    async (_, change, said) => {
      const signing = sign(change)
      await expect(signing).rejects.toThrow(TypeError)
      await expect(signing).rejects.toThrow(said)
    },
  )
})
