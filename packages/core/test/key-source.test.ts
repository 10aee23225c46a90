import {
  createVerifier,
  jwtTokens,
  PopError,
  type OutageEvent,
  type TokenResolver,
} from '@oauth-pop/core'
import {
  apiUrl,
  collectEvents,
  createClock,
  createHolders,
  popRequest,
  signCompact,
  signPop,
  startFaultServer,
  type Fault,
  type FaultServer,
} from '@oauth-pop/testkit'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createIssuerKey, type IssuerKey } from './issuer-key.ts'

const clock = createClock()
const { holder } = createHolders()

const [first, second] = [await createIssuerKey('1', 'ES256'), await createIssuerKey('2', 'ES256')]
type Json = Readonly<Record<string, unknown>>

const setOf = (...keys: IssuerKey[]): Json => ({ keys: keys.map(({ jwk }) => jwk) })

let source: FaultServer
/** The clock by which ages of key sets are measured. */
let elapsed = 0

beforeEach(async () => {
  source = await startFaultServer()
  vi.spyOn(performance, 'now').mockImplementation(() => elapsed)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await source.close()
})

const wait = (seconds: number): void => void (elapsed += seconds * 1000)

type Ask = (key: IssuerKey, issuer?: string) => Promise<string>

/** An API whose issuer is the fault server. */
function createApi(jwks?: string): Ask {
  const { url } = source
  return askerOf(jwtTokens({ issuer: url, audience: apiUrl, ...(jwks && { jwks: url + jwks }) }))
}

/** Questions with tokens that a key has signed in the name of an issuer. */
function askerOf(tokens: TokenResolver): Ask {
  const verifier = createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })
  return async function ask(key, issuer = source.url) {
    const who = holder()
    const now = clock.seconds()
    const accessToken = await new SignJWT({
      iss: issuer,
      aud: apiUrl,
      iat: now,
      exp: now + 60,
      cnf: { jwk: who.jwk },
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: key.kid })
      .sign(key.privateKey)
    const request = popRequest(signPop({ ...who, accessToken }, now))
    return verifier.verify(request).then(
      () => 'accepted',
      (error: unknown) => (error instanceof PopError ? `${error.status} ${error.code}` : 'fault'),
    )
  }
}

/** Status and cause of the refusal of a token that nobody signed. */
async function refusalOf(tokens: TokenResolver): Promise<{ status: number; cause: string }> {
  const who = holder()
  const accessToken = signCompact(
    { alg: 'ES256', typ: 'at+jwt', kid: '1' },
    { iss: source.url, aud: apiUrl, exp: clock.seconds() + 60 },
    who.privateKey,
  )
  const verifier = createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })
  try {
    await verifier.verify(popRequest(signPop({ ...who, accessToken }, clock.seconds())))
  } catch (error) {
    const { status, cause } = error as PopError
    return { status, cause: cause instanceof Error ? cause.message : JSON.stringify(cause) }
  }
  return { status: 200, cause: '' }
}

const outage = '503 ERR_POP_TOKEN_SOURCE_UNAVAILABLE'
const badToken = '401 ERR_POP_TOKEN_SIGNATURE_INVALID'

const faults: Fault[] = [
  'reset',
  'html',
  'redirect',
  'empty',
  'huge',
  'status 500',
  'status 429',
  'status 404',
]

describe('a key set that is fetched', () => {
  test(
    'is fetched once for many tokens, at once or later',
    { tags: ['attack-222', 'rule-cache-c8'] },
    async () => {
      source.answer(setOf(first))
      const ask = createApi('/jwks')
      const answers = await Promise.all(Array.from({ length: 50 }, () => ask(first)))
      wait(599)
      answers.push(await ask(first))
      expect(new Set(answers)).toEqual(new Set(['accepted']))
      expect(source.asked).toEqual(['/jwks'])
    },
  )

  test.each([
    ['/jwks', (url: string) => jwtTokens({ issuer: url, audience: apiUrl, jwks: `${url}/jwks` })],
    ['/', (url: string) => jwtTokens({ issuer: url, audience: apiUrl })],
  ] as const)(
    'says on oauth-pop:outage when it cannot be had and when it can again: %s',
    { tags: ['rule-outage-fails-fast'] },
    async (path, tokensOf) => {
      const events = collectEvents<OutageEvent>('oauth-pop:outage')
      source.answer('status 500')
      const ask = askerOf(tokensOf(source.url))
      for (let count = 0; count < 3; count += 1) {
        expect(await ask(first)).toBe(outage)
        wait(31)
      }
      source.answerByPath((asked) =>
        asked === '/jwks'
          ? setOf(first)
          : { issuer: source.url, jwks_uri: `${source.url}/jwks`, response_types_supported: [] },
      )
      expect([await ask(first), await ask(first)]).toEqual(['accepted', 'accepted'])
      const dependency = `${source.url.slice('http://'.length)}${path}`
      expect(events).toEqual([
        { dependency, state: 'began', cause: expect.any(Error) as Error },
        { dependency, state: 'ended' },
      ])
    },
  )

  test(
    'says nothing there about issuers that a stranger can make up',
    { tags: ['rule-outage-fails-fast'] },
    async () => {
      const events = collectEvents<OutageEvent>('oauth-pop:outage')
      source.answer('status 500')
      const ask = askerOf(jwtTokens({ issuer: () => true, audience: apiUrl }))
      expect(await ask(first)).toBe(outage)
      expect([source.asked.length > 0, events]).toEqual([true, []])
    },
  )

  test.each(faults)(
    'at the start, an answer like %s is an outage',
    { tags: ['attack-191'] },
    async (fault) => {
      source.answer(fault)
      expect(await createApi('/jwks')(first)).toBe(outage)
    },
  )

  test.each(['hang', 'drip'] as const)(
    'at the start, a source that does %s is an outage within its deadline',
    async (fault) => {
      source.answer(fault)
      const before = Date.now()
      expect(await createApi('/jwks')(first)).toBe(outage)
      expect(Date.now() - before).toBeLessThan(4000)
    },
  )

  test(
    'at the start, a source that is down is asked after 1, 2, 4 seconds, at most every 30',
    { tags: ['attack-192'] },
    async () => {
      source.answer('reset')
      const ask = createApi('/jwks')
      const asked: number[] = []
      for (let second = 0; second < 130; second += 1) {
        const before = source.asked.length
        expect(await ask(first)).toBe(outage)
        if (source.asked.length > before) asked.push(second)
        wait(1)
      }
      expect(asked).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121])
      source.answer(setOf(first))
      wait(30)
      expect(await ask(first)).toBe('accepted')
    },
  )

  test.each([...faults, 'hang' as const])(
    'later, an answer like %s leaves the good keys in use for an hour, then it is an outage',
    { tags: ['attack-190', 'attack-191'] },
    async (fault) => {
      source.answer(setOf(first))
      const ask = createApi('/jwks')
      await ask(first)
      source.answer(fault)
      wait(601)
      expect(await ask(first)).toBe('accepted')
      wait(3598)
      expect(await ask(first)).toBe('accepted')
      wait(1)
      expect(await ask(first)).toBe(outage)
    },
  )

  test(
    'a new key is found half a minute after the last question, not before',
    { tags: ['attack-189'] },
    async () => {
      source.answer(setOf(first))
      const ask = createApi('/jwks')
      await ask(first)
      source.answer(setOf(first, second))
      expect(await ask(second)).toBe(badToken)
      wait(30)
      expect(await ask(second)).toBe('accepted')
      expect(source.asked).toHaveLength(2)
    },
  )

  test(
    'a flood of unknown keys leads to one question in half a minute',
    { tags: ['attack-188'] },
    async () => {
      source.answer(setOf(first))
      const ask = createApi('/jwks')
      await ask(first)
      wait(30)
      const strangers = Array.from({ length: 100 }, (_, kid) => ({ ...second, kid: `x${kid}` }))
      const answers = await Promise.all(strangers.map((key) => ask(key)))
      expect(new Set(answers)).toEqual(new Set([badToken]))
      expect(source.asked).toHaveLength(2)
    },
  )

  test('while the source is down, an unknown key is an outage and a known one is not', async () => {
    source.answer(setOf(first))
    const ask = createApi('/jwks')
    await ask(first)
    source.answer('reset')
    wait(30)
    expect([await ask(second), await ask(first)]).toEqual([outage, 'accepted'])
  })

  test('once the source is back, an unknown key is a bad token again', async () => {
    source.answer('reset')
    const ask = createApi('/jwks')
    expect(await ask(second)).toBe(outage)
    source.answer(setOf(first))
    wait(1)
    expect(await ask(first)).toBe('accepted')
    expect(await ask(second)).toBe(badToken)
  })

  test('a bad signature is no reason to look for new keys', async () => {
    source.answer(setOf(first))
    const ask = createApi('/jwks')
    await ask(first)
    wait(30)
    expect(await ask({ ...first, privateKey: second.privateKey })).toBe(badToken)
    expect(source.asked).toHaveLength(1)
  })

  test('a removed key is refused once the set is renewed', { tags: ['attack-189'] }, async () => {
    source.answer(setOf(first, second))
    const ask = createApi('/jwks')
    expect(await ask(first)).toBe('accepted')
    source.answer(setOf(second))
    wait(600)
    expect([await ask(first), await ask(second)]).toEqual([badToken, 'accepted'])
  })

  test('keys that cannot verify a token do not count', async () => {
    const [secret, weak] = [
      { kty: 'oct', k: Buffer.alloc(32).toString('base64url') },
      { kty: 'RSA', n: 'AQAB', e: 'AQ' },
    ]
    const encryption = { ...first.jwk, use: 'enc' }
    source.answer({ keys: [secret, weak, encryption, 'text', null] })
    expect(await createApi('/jwks')(first)).toBe(outage)
    source.answer({ keys: [secret, weak, first.jwk] })
    expect(await createApi('/jwks')(first)).toBe('accepted')
  })

  test.each([201, 203, 500])('good keys with status %i are not believed', async (status) => {
    source.answer(setOf(first), status)
    expect(await createApi('/jwks')(first)).toBe(outage)
  })

  test(
    'a redirect is not followed, not even to the right keys',
    { tags: ['attack-191'] },
    async () => {
      source.answerByPath((path) => (path === '/elsewhere' ? setOf(first) : 'redirect'))
      expect(await createApi('/jwks')(first)).toBe(outage)
      expect(source.asked).toEqual(['/jwks'])
    },
  )

  test('a long answer is not read to its end', { tags: ['attack-191'] }, async () => {
    source.answer('huge')
    const before = process.memoryUsage().rss
    await createApi('/jwks')(first)
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 * 1024)
  })
})

describe('a key set that is discovered', () => {
  const oauth = '/.well-known/oauth-authorization-server'
  const oidc = '/.well-known/openid-configuration'
  const metadata = (change: Json = {}): Json => ({
    issuer: source.url,
    jwks_uri: `${source.url}/keys`,
    ...change,
  })
  const serve = (paths: Readonly<Record<string, Json>>): void =>
    source.answerByPath((path) => paths[path] ?? 'status 404')

  test.each([oauth, oidc])('through %s', async (path) => {
    serve({ [path]: metadata(), '/keys': setOf(first) })
    expect(await createApi()(first)).toBe('accepted')
  })

  test('asks for OAuth metadata first', async () => {
    serve({ [oidc]: metadata(), '/keys': setOf(first) })
    await createApi()(first)
    expect(source.asked).toEqual([oauth, oidc, '/keys'])
  })

  test.each<[string, () => Json | Fault, string]>([
    ['is HTML', () => 'html', 'did not answer with a JSON object'],
    ['is empty', () => 'empty', 'names another issuer: none'],
    ['is refused', () => 'status 403', 'answered 403'],
    ['is moved', () => 'redirect', 'answered 302'],
    ['is cut off', () => 'reset', 'ECONNRESET'],
    ['is too long', () => 'huge', 'the answer is longer than 262144 bytes'],
    ['names no keys', () => metadata({ jwks_uri: undefined }), 'is missing'],
    ['names keys by null', () => metadata({ jwks_uri: null }), 'it is null'],
    [
      'names keys at an insecure place',
      () => metadata({ jwks_uri: 'http://evil.example/keys' }),
      'plain http beyond loopback',
    ],
    [
      'names another issuer',
      () => metadata({ issuer: 'https://evil.example' }),
      'names another issuer: "https://evil.example"',
    ],
  ])(
    'a first answer that %s leads to the next, and is named when that is no better',
    { tags: ['rule-discovery-next'] },
    async (_, build, reason) => {
      source.answerByPath(
        (path) =>
          ({ [oauth]: build(), [oidc]: metadata(), '/keys': setOf(first) })[path] ?? 'status 404',
      )
      expect(await createApi()(first)).toBe('accepted')
      expect(source.asked).toEqual([oauth, oidc, '/keys'])
      source.answerByPath((path) => (path === oauth ? build() : 'status 410'))
      const { cause } = await refusalOf(jwtTokens({ issuer: source.url, audience: apiUrl }))
      const { host } = new URL(source.url)
      expect(cause).toContain(`${source.url}/ has no usable metadata: `)
      expect(cause).toContain(`${host}${oauth}`)
      expect(cause).toContain(reason)
      expect(cause).toContain(`; ${host}${oidc} answered 410`)
    },
  )

  test.each<[string, () => Json]>([
    ['names another issuer', () => metadata({ issuer: 'https://evil.example' })],
    ['names no keys', () => metadata({ jwks_uri: undefined })],
    ['names keys at an insecure place', () => metadata({ jwks_uri: 'http://evil.example/keys' })],
    ['names keys at an address that is none', () => metadata({ jwks_uri: 'keys' })],
  ])('metadata that %s is an outage', async (_, build) => {
    serve({ [oauth]: build(), '/keys': setOf(first) })
    expect(await createApi()(first)).toBe(outage)
  })

  test('follows the issuer when its keys move', async () => {
    serve({ [oauth]: metadata(), '/keys': setOf(first) })
    const ask = createApi()
    await ask(first)
    serve({ [oauth]: metadata({ jwks_uri: `${source.url}/new` }), '/new': setOf(second) })
    wait(600)
    expect([await ask(first), await ask(second)]).toEqual([badToken, 'accepted'])
  })

  test(
    'is that of the issuer which the token names, and of no other',
    { tags: ['attack-158'] },
    async () => {
      const other = await startFaultServer()
      serve({ [oauth]: metadata(), '/keys': setOf(first) })
      // The same name as the key of the first.
      const forOther = { ...second, kid: '1', jwk: { ...second.jwk, kid: '1' } }
      const elsewhere = { issuer: other.url, jwks_uri: `${other.url}/keys` }
      other.answerByPath((path) => (path === '/keys' ? setOf(forOther) : elsewhere))
      const tokens = jwtTokens({ issuer: [source.url, other.url], audience: [apiUrl, 'more'] })
      const ask = askerOf(tokens)
      expect(await ask(first, source.url)).toBe('accepted')
      expect(await ask(forOther, other.url)).toBe('accepted')
      expect(await ask(forOther, source.url)).toBe(badToken)
      expect(await ask(first, other.url)).toBe(badToken)
      await other.close()
    },
  )

  test('needs an issuer that is a secure URL', () => {
    const tokens = (issuer: string): object => jwtTokens({ issuer, audience: apiUrl })
    expect(() => tokens('as.example.com')).toThrow(TypeError)
    expect(() => tokens('http://as.example.com')).toThrow(TypeError)
    expect(() => tokens('https://as.example.com')).not.toThrow()
  })
})
