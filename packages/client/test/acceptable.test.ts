import { constants, createPrivateKey, generateKeyPairSync, sign as signBytes } from 'node:crypto'
import {
  createPopFetch,
  generateKeyPair,
  readRefusal,
  signPopRequest,
  type Coverage,
  type JWK,
  type ProofAlgorithm,
  type ProofKey,
  type ProofSigner,
  type Transport,
} from '@oauth-pop/client'
import { createVerifier, pop, type Jwk, type PopOptions, type Scheme } from '@oauth-pop/core'
import { popMiddleware } from '@oauth-pop/express'
import { listen, type AdapterServer } from '@oauth-pop/testkit'
import express from 'express'
import fc from 'fast-check'
import { calculateJwkThumbprint, exportJWK } from 'jose'
import { describe, expect, test, type TestOptions } from 'vitest'
import { key as boundKey } from './bound-key.ts'

const algorithms: readonly ProofAlgorithm[] = [
  ...(['RS256', 'RS512', 'PS384'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const),
]
/** So that most of a sample is right, and the verifier gets to see it. */
function mostly<T>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 9, arbitrary: right }, { weight: 1, arbitrary: wrong })
}

const pairs = await Promise.all(
  algorithms.map((algorithm) => generateKeyPair({ algorithm, extractable: true })),
)

function rsaJwk(modulusLength: number, publicExponent = 65_537): JWK {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent })
  return privateKey.export({ format: 'jwk' }) as JWK
}

/** Private keys as they lie about: of any size, none with an `alg`. */
const privateJwks: readonly JWK[] = [
  ...(await Promise.all(pairs.map(({ privateKey }) => exportJWK(privateKey)))),
  rsaJwk(1024),
  rsaJwk(2047),
  rsaJwk(2048, 3),
  ...['secp256k1', 'P-256'].map((namedCurve) =>
    generateKeyPairSync('ec', { namedCurve }).privateKey.export({ format: 'jwk' }),
  ),
  generateKeyPairSync('ed448').privateKey.export({ format: 'jwk' }),
  generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' }),
] as JWK[]

const anAlgorithm = fc.constantFrom(...algorithms)
const anyAlg = fc.constantFrom(...algorithms, undefined, 'HS256', 'ES256K', 'RSA-OAEP', 'none')
const ownJwk = fc.constantFrom(...privateJwks)

/** Something that may be wrong with a member: another spelling, or that of another key. */
const damage = fc.constantFrom<((value: string) => string) | undefined>(
  (value) => `${value}=`,
  (value) => `AA${value}`,
  (value) =>
    Buffer.concat([Buffer.alloc(1), Buffer.from(value, 'base64url')]).toString('base64url'),
  (value) => Buffer.from(value, 'base64url').subarray(1).toString('base64url'),
  (value) => Buffer.from(value, 'base64url').toString('base64'),
  (value) => value.split('').toReversed().join(''),
  () => '',
)

const privateKey: fc.Arbitrary<ProofKey> = fc
  .record({
    jwk: ownJwk,
    alg: anyAlg,
    fitting: mostly(fc.constant(true), fc.constant(false)),
    use: mostly(fc.constant(undefined), fc.constantFrom('sig', 'enc')),
    key_ops: mostly(
      fc.constant(undefined),
      fc.constantFrom(['sign'], ['verify'], ['sign', 'verify'], []),
    ),
    member: fc.constantFrom('n', 'e', 'x', 'y', 'd', 'crv', 'kty'),
    change: mostly(fc.constant(undefined), damage),
  })
  .map(({ jwk, alg, fitting, use, key_ops, member, change }) => {
    const own = { ...jwk, ...(use && { use }), ...(key_ops && { key_ops }) } as Record<
      string,
      unknown
    >
    if (!fitting) own['alg'] = alg
    else if (jwk.kty === 'RSA') own['alg'] = 'RS256'
    if (change !== undefined && typeof own[member] === 'string') own[member] = change(own[member])
    return own as JWK
  })

const keyPair: fc.Arbitrary<ProofKey> = fc
  .record({ own: fc.constantFrom(...pairs), other: fc.constantFrom(...pairs), mixed: fc.nat(20) })
  .map(({ own, other, mixed }) => {
    if (mixed === 0) return { ...own, jwk: other.jwk }
    if (mixed === 1) return { ...own, algorithm: other.algorithm }
    return mixed === 2 ? { ...own, privateKey: other.privateKey } : own
  })

/** Signs as somebody might have written it: right, or with another hash, encoding, salt or key. */
const signer: fc.Arbitrary<ProofSigner> = fc
  .record({
    algorithm: anAlgorithm,
    hash: fc.constantFrom('sha256', 'sha384', 'sha512', null),
    dsaEncoding: fc.constantFrom('ieee-p1363', 'der'),
    saltLength: fc.constantFrom(20, constants.RSA_PSS_SALTLEN_DIGEST),
    right: fc.integer({ min: 0, max: 2 }).map((number) => number > 0),
    keyAt: fc.nat(),
    alg: anyAlg,
  })
  .map(({ algorithm, hash, dsaEncoding, saltLength, right, keyAt, alg }) => {
    const at = right ? algorithms.indexOf(algorithm) : keyAt % privateJwks.length
    const { kty, crv, n, e, x, y } = privateJwks[at] as JWK
    const jwk = { kty, crv, n, e, x, y, ...(!right && { alg }) } as JWK
    const key = createPrivateKey({ key: privateJwks[at] as never, format: 'jwk' })
    const padding = algorithm.startsWith('PS') && {
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength,
    }
    const own = algorithm.startsWith('Ed') ? null : `sha${algorithm.slice(2)}`
    return {
      algorithm,
      jwk,
      sign(bytes) {
        const options = { key, dsaEncoding, ...padding }
        try {
          return signBytes(right ? own : hash, bytes, options as never)
        } catch {
          return Buffer.alloc(64) // a key that does not sign like that
        }
      },
    }
  })

const secret: fc.Arbitrary<ProofKey> = fc
  .record({
    bytes: fc.uint8Array({ minLength: 28, maxLength: 90 }),
    alg: mostly(
      fc.constantFrom('HS256', 'HS384', 'HS512'),
      fc.constantFrom('HS1', 'ES256', undefined),
    ),
    encoding: mostly(fc.constant('base64url' as const), fc.constant('base64' as const)),
    use: mostly(fc.constant(undefined), fc.constantFrom('sig', 'enc')),
  })
  .map(({ bytes, alg, encoding, use }) => {
    const k = Buffer.from(bytes).toString(encoding)
    return { kty: 'oct', k, ...(alg && { alg }), ...(use && { use }) }
  })

const odd = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))
const method = mostly(
  fc.constantFrom('GET', 'post', 'PATCH', 'M-SEARCH', 'x!y'),
  fc.oneof(fc.constantFrom('', ' GET ', 'GET\n', 'po\u017ft', 'GET /x', undefined as never), odd),
)

const parameter = mostly(
  fc.constantFrom('a=1', 'b=%2F', 'd=', 'f=^`{|}'),
  fc.oneof(
    fc.constantFrom('c', '%61=2', 'a[]=3', 'a.b=4', '=', 'e=\\', '%2561%25=1', '%61%=2'),
    fc.constantFrom('pop_access_token=x', 'pop%5faccess_token=x', 'pop_access_token[]=x'),
    fc.tuple(odd, odd).map((pair) => new URLSearchParams([pair]).toString()),
  ),
)
const url = fc
  .record({
    scheme: mostly(fc.constantFrom('https', 'http'), fc.constant('ftp')),
    host: mostly(
      fc.constantFrom('api.example.com', 'B\u00fccher.example', '[::1]'),
      fc.constantFrom('a!b.example', "a'b.example", 'a_b', 'a.example.', 'a$b', 'a,b'),
    ),
    port: mostly(fc.constantFrom('', ':443', ':8443', ':80'), fc.constant(':0')),
    path: mostly(
      fc.webPath(),
      fc.oneof(odd, fc.constantFrom('/a/../b', '/a\\b', '/%2e%2E/x', '//x')),
    ),
    query: fc.array(parameter, { maxLength: 4 }),
  })
  .map(({ scheme, host, port, path, query }) => {
    const text = `${scheme}://${host}${port}/${path}`
    return query.length === 0 ? text : `${text.replaceAll(/[?#]/g, '')}?${query.join('&')}`
  })
const manyParameters = Array.from({ length: 300 }, (_, index) => `p${index}=1`).join('&')

const headerName = mostly(
  fc.constantFrom('content-type', 'X-A', 'x-b'),
  fc.constantFrom('authorization', 'dpop', 'x y'),
)
const headerValue = mostly(fc.constantFrom('text/plain', ' a '), odd)
const coverage: fc.Arbitrary<Coverage> = fc.record(
  {
    query: fc.oneof(
      fc.constant(true as const),
      fc.subarray(['a', 'b', 'd', '', '%61', 'c', '%2561%25']),
    ),
    headers: fc.array(headerName, { maxLength: 2 }),
    body: fc.constant(true as const),
  },
  { requiredKeys: [] },
)

const cover: fc.Arbitrary<Coverage> = fc.oneof(
  fc.constant({}),
  fc.constant({ query: true, body: true } as const),
  coverage,
)
const key = fc.oneof(privateKey, keyPair, signer)
const sample = fc.record({
  key,
  method,
  url: fc.oneof(
    { weight: 30, arbitrary: url },
    fc.constant(`https://api.example.com/?${manyParameters}`),
  ),
  cover,
  headers: fc.dictionary(headerName, headerValue, { maxKeys: 4 }),
  body: fc.string(),
  accessToken: mostly(
    fc.constantFrom('token', 'x'.repeat(10_000)),
    fc.oneof(fc.constantFrom('token\n', 't\u00f6ken', '\ud800', 'x'.repeat(12_200)), odd),
  ),
  nonce: mostly(fc.constantFrom(undefined, 'n'), fc.constant('')),
})
type Sample = typeof sample extends fc.Arbitrary<infer Value> ? Value : never

/** What a verifier knows of the key. */
type Knowledge = Pick<PopOptions, 'algorithms' | 'resolveKey'> & { confirmation?: JWK }

/** How an authorization server that takes the key as it is would bind a token to it. */
async function bindingOf(given: ProofKey, byValue: boolean): Promise<Knowledge> {
  const { kty, crv, n, e, x, y, alg, use } = ('jwk' in given ? given.jwk : given) as JWK
  const jwk = JSON.parse(JSON.stringify({ kty, crv, n, e, x, y, alg, use })) as JWK
  const confirmation = byValue ? { jwk } : { kid: await calculateJwkThumbprint(jwk) }
  return { confirmation: confirmation as JWK }
}

/** A secret reaches the verifier on another way, and its algorithm must be named there. */
async function sharing(given: ProofKey): Promise<Knowledge> {
  const { alg = '' } = given as JWK
  return { algorithms: [alg], resolveKey: async () => given as Jwk }
}

/** A mistake that crashes is a TypeError, too. */
function isRefusal(error: unknown): error is TypeError {
  const crash = /undefined|null|not a function|not iterable|fetch failed/
  return error instanceof TypeError && !crash.test(error.message)
}

const refused = 'refused by the client'

/** `known` is asked only once there is a proof: a broken key has no binding. */
async function outcomeOf(one: Sample, known: () => Promise<Knowledge>): Promise<string> {
  const credential = await signPopRequest(one).catch((error: unknown) => ({ error }))
  if (typeof credential === 'object')
    return isRefusal(credential.error) ? refused : `crashed: ${String(credential.error)}`
  const { origin, host, pathname, search } = new URL(one.url)
  const { confirmation, ...options } = await known()
  const token = { claims: {}, scopes: [], audience: [], ...(confirmation && { confirmation }) }
  const verifier = createVerifier({
    publicUrl: origin,
    tokens: { resolve: async () => token },
    schemes: [pop({ ...options, ...allowingRest(one.cover) })],
    replay: 'dangerously-none',
  })
  const headers = Object.entries(one.headers).filter(([name]) => /^(x-|content)/i.test(name))
  const verifying = verifier.verify({
    method: one.method.toUpperCase(),
    target: pathname + search,
    rawHeaders: ['Host', host, 'Authorization', `PoP ${credential}`, ...headers.flat()],
    body: async () => Buffer.from(one.body),
  })
  return verifying.then(
    () => 'accepted',
    (error: unknown) => `${String(error)} ${JSON.stringify((error as Error).cause)}`,
  )
}

/** To sign a query in part is for servers that say so. */
function allowingRest({ query }: Coverage): Pick<PopOptions, 'uncoveredQuery'> {
  return Array.isArray(query) ? { uncoveredQuery: 'allow' } : {}
}

/** The smaller share of the two outcomes: without either, nothing was shown. */
async function judgeAll<T>(
  samples: fc.Arbitrary<T>,
  judge: (one: T) => Promise<string>,
  numRuns: number,
): Promise<number> {
  const counts = { accepted: 0, [refused]: 0 }
  const property = fc.asyncProperty(samples, async (one) => {
    const outcome = await judge(one)
    expect(Object.keys(counts)).toContain(outcome)
    counts[outcome as keyof typeof counts] += 1
  })
  await fc.assert(property, { numRuns })
  return Math.min(counts.accepted, counts[refused]) / numRuns
}

const options: TestOptions = { timeout: 120_000, tags: ['rule-client-acceptable'] }

describe('what the client signs is accepted, and everything else refused at once', () => {
  test('with key pairs, private keys and signers', options, async () => {
    const samples = fc.tuple(sample, fc.boolean())
    const judge = ([one, byValue]: [Sample, boolean]): Promise<string> =>
      outcomeOf(one, () => bindingOf(one.key, byValue))
    expect(await judgeAll(samples, judge, 2000)).toBeGreaterThan(0.05)
  })

  test('with secrets', options, async () => {
    const samples = fc.tuple(sample, secret).map(([one, own]) => ({ ...one, key: own }))
    const judge = (one: Sample): Promise<string> => outcomeOf(one, () => sharing(one.key))
    expect(await judgeAll(samples, judge, 1000)).toBeGreaterThan(0.05)
  })

  test('by createPopFetch', options, async () => {
    const token = { claims: {}, scopes: [], audience: [] }
    const confirmation = { kid: boundKey.thumbprint }
    const replay = 'dangerously-none'
    const start = (schemes: readonly Scheme[]): Promise<AdapterServer> => {
      const tokens = { resolve: async () => ({ ...token, confirmation }) }
      const app = express()
      app.set('env', 'test')
      app.use(popMiddleware({ publicUrl: 'request', tokens, schemes, replay }))
      app.use((_request, response) => void response.end())
      return listen(app)
    }
    const strict = await start([pop()])
    const open = await start([pop({ uncoveredQuery: 'allow' })])
    try {
      const judge = (one: Call): Promise<string> => send(one, one.partly ? open : strict)
      expect(await judgeAll(call, judge, 1000)).toBeGreaterThan(0.05)
    } finally {
      await Promise.all([strict.close(), open.close()])
    }
  })
})

const form = 'application/x-www-form-urlencoded'
const call = fc
  .record({
    cover,
    transport: fc.constantFrom<Transport>('header', 'header', 'form', 'query'),
    method: mostly(
      fc.constantFrom('GET', 'post', 'PUT', 'patch', 'DELETE', 'HEAD'),
      fc.constantFrom(' GET ', '', 'TRACE'),
    ),
    path: fc.webPath(),
    query: fc.array(parameter, { maxLength: 3 }),
    headers: fc.dictionary(headerName, headerValue, { maxKeys: 2 }),
    body: fc.constantFrom(undefined, undefined, 'text', 'a=1', 'pop_access_token=x'),
    type: fc.constantFrom('text/plain', form),
    asForm: fc.boolean(),
  })
  .map(({ cover: wanted, transport, path, query, body, type, asForm, ...init }) => ({
    partly: Array.isArray(wanted.query),
    options: { cover: wanted, transport },
    target: `${path}?${query.join('&')}`,
    init: {
      method: init.method,
      headers: { ...init.headers, ...(asForm ? {} : { 'content-type': type }) },
      ...(body !== undefined && { body: asForm ? new URLSearchParams(body) : body }),
    },
  }))
type Call = typeof call extends fc.Arbitrary<infer Value> ? Value : never

async function send({ options: own, target, init }: Call, server: AdapterServer): Promise<string> {
  try {
    const popFetch = createPopFetch({ ...own, accessToken: 'token', key: boundKey })
    const response = await popFetch(`http://127.0.0.1:${server.port}${target}`, init)
    const { description } = readRefusal(response) ?? {}
    return response.status === 200 ? 'accepted' : `${response.status} ${String(description)}`
  } catch (error) {
    return isRefusal(error) ? refused : `crashed: ${String(error)}`
  }
}
