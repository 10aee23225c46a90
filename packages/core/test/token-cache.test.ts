import {
  bearer,
  createVerifier,
  jwtTokens,
  type JwtTokensOptions,
  type TokenResolver,
  type Verifier,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  outcomeOf,
  popRequest,
  signPop,
  startFaultServer,
  type FaultServer,
} from '@oauth-pop/testkit'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createIssuerKey, type IssuerKey } from './issuer-key.ts'

const issuer = 'https://as.example.com'
const clock = createClock()
const { holder } = createHolders()

const keys = await Promise.all(['1', '2', '3'].map((kid) => createIssuerKey(kid, 'RS256')))
const [key] = keys as [IssuerKey]

function sign({ kid, privateKey }: IssuerKey, claims: object = {}): Promise<string> {
  const now = clock.seconds()
  return new SignJWT({ iss: issuer, aud: apiUrl, sub: 'alice', exp: now + 60, ...claims })
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid })
    .sign(privateKey)
}

function createApi(tokens: TokenResolver): Verifier {
  return createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })
}

function createBearerApi(tokens: TokenResolver): (token: string) => Promise<string> {
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    now: clock.now,
    schemes: [bearer()],
  })
  return (token) => {
    const rawHeaders = ['Host', 'api.example.com', 'Authorization', `Bearer ${token}`]
    return outcomeOf(verifier.verify({ method: 'GET', target: '/items', rawHeaders }))
  }
}

let source: FaultServer
let elapsed = 0
const jwt = (change: Partial<JwtTokensOptions> = {}): TokenResolver =>
  jwtTokens({ issuer, audience: apiUrl, jwks: `${source.url}/keys`, ...change })
const publish = (...published: readonly IssuerKey[]): void =>
  source.answer({ keys: published.map(({ jwk }) => jwk) })

beforeEach(async () => {
  source = await startFaultServer()
  publish(...keys)
  vi.spyOn(performance, 'now').mockImplementation(() => elapsed)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await source.close()
})

describe('a token that is remembered', () => {
  test(
    'does not vouch for the proof, which is verified every time',
    { tags: ['rule-cache-c9'] },
    async () => {
      const [alice, thief] = [holder(), holder()]
      const accessToken = await sign(key, { cnf: { jwk: alice.jwk } })
      const api = createApi(jwt())
      const now = clock.seconds()
      const ask = (who: typeof alice): Promise<string> =>
        outcomeOf(api.verify(popRequest(signPop({ ...who, accessToken }, now))))
      expect(await ask(alice)).toBe('accepted')
      expect(await ask(thief)).toBe('ERR_POP_PROOF_SIGNATURE_INVALID')
      expect(await ask(alice)).toBe('accepted')
    },
  )

  test('as PoP is not accepted as Bearer', { tags: ['attack-147', 'rule-cache-c10'] }, async () => {
    const alice = holder()
    const accessToken = await sign(key, { cnf: { jwk: alice.jwk } })
    const resolver = jwt()
    const proof = signPop({ ...alice, accessToken }, clock.seconds())
    expect(await outcomeOf(createApi(resolver).verify(popRequest(proof)))).toBe('accepted')
    expect(await createBearerApi(resolver)(accessToken)).toBe('ERR_POP_TOKEN_BOUND')
  })

  test(
    'is the same for every request, and no handler can change it',
    { tags: ['attack-211', 'rule-cache-c2'] },
    async () => {
      const verifier = createVerifier({
        publicUrl: apiUrl,
        tokens: jwt(),
        now: clock.now,
        schemes: [bearer()],
      })
      const rawHeaders = ['Host', 'api.example.com', 'Authorization', `Bearer ${await sign(key)}`]
      const ask = async (): Promise<Record<string, unknown>> => {
        const request = { method: 'GET', target: '/items', rawHeaders }
        return (await verifier.verify(request)).accessToken.claims
      }
      const claims = await ask()
      expect(() => {
        claims['sub'] = 'mallory'
      }).toThrow(TypeError)
      expect((await ask())['sub']).toBe('alice')
    },
  )

  test(
    'counts for its exact text and its own resolver, and nobody else can name it',
    { tags: ['rule-cache-c1'] },
    async () => {
      const ask = createBearerApi(jwt())
      const [token, foreign] = [await sign(key), await sign(key, { aud: 'https://other.example' })]
      for (const _ of [1, 2]) expect(await ask(token)).toBe('accepted')
      expect(await ask(foreign)).toBe('ERR_POP_TOKEN_AUDIENCE')
      expect(await ask(`${token}=`)).toBe('ERR_POP_TOKEN_MALFORMED')
      const other = createBearerApi(jwt({ audience: 'https://other.example' }))
      expect(await other(token)).toBe('ERR_POP_TOKEN_AUDIENCE')
      expect(() => jwt({ cache: { key: () => 'same' } as object })).toThrow(TypeError)
    },
  )

  test('ends with its time', { tags: ['attack-128', 'rule-cache-c5'] }, async () => {
    const ask = createBearerApi(jwt())
    const token = await sign(key, { exp: clock.seconds() + 60 })
    expect(await ask(token)).toBe('accepted')
    clock.advance(90)
    expect(await ask(token)).toBe('ERR_POP_TOKEN_EXPIRED')
    clock.advance(-90)
  })

  test(
    'ends when the keys of its issuer change, whichever key signed it',
    { tags: ['rule-cache-c5'] },
    async () => {
      const verified = vi.spyOn(crypto.subtle, 'verify')
      const ask = createBearerApi(jwt())
      const token = await sign(key)
      const count = async (): Promise<readonly unknown[]> => {
        verified.mockClear()
        return [await ask(token), verified.mock.calls.length]
      }
      expect([await count(), await count()]).toEqual([
        ['accepted', 1],
        ['accepted', 0],
      ])
      elapsed += 600_000
      expect([await count(), source.asked.length]).toEqual([['accepted', 0], 2])
      publish(key)
      elapsed += 600_000
      expect([await count(), await count()]).toEqual([
        ['accepted', 1],
        ['accepted', 0],
      ])
      publish(...keys.slice(1))
      elapsed += 600_000
      expect(await count()).toEqual(['ERR_POP_TOKEN_SIGNATURE_INVALID', 0])
    },
  )

  test(
    'is not used when its keys can no longer be vouched for',
    { tags: ['rule-cache-c5'] },
    async () => {
      const ask = createBearerApi(jwt())
      const token = await sign(key)
      expect(await ask(token)).toBe('accepted')
      source.answer('reset')
      elapsed += 600_000
      expect(await ask(token)).toBe('accepted')
      elapsed += 3_600_000
      expect(await ask(token)).toBe('ERR_POP_TOKEN_SOURCE_UNAVAILABLE')
    },
  )

  test.each<[string, Partial<JwtTokensOptions>]>([
    ['of entries', { cache: { maxEntries: 2 } }],
    ['of bytes', { cache: { maxBytes: 1100 } }],
    ['of nothing', { cache: false }],
  ])(
    'makes way in a cache %s, and is verified again',
    { tags: ['rule-cache-c7'] },
    async (_, options) => {
      const verified = vi.spyOn(crypto.subtle, 'verify')
      const ask = createBearerApi(jwt(options))
      const tokens = [
        await sign(key, { n: 1 }),
        await sign(key, { n: 2 }),
        await sign(key, { n: 3 }),
      ]
      for (const token of [...tokens, ...tokens]) expect(await ask(token)).toBe('accepted')
      expect(verified).toHaveBeenCalledTimes(6)
    },
  )

  test('that was used last stays longest', async () => {
    const verified = vi.spyOn(crypto.subtle, 'verify')
    const ask = createBearerApi(jwt({ cache: { maxEntries: 2 } }))
    const [one, two, three] = [
      await sign(key, { n: 1 }),
      await sign(key, { n: 2 }),
      await sign(key, { n: 3 }),
    ]
    for (const token of [one, two, one, three, one]) await ask(token)
    expect(verified).toHaveBeenCalledTimes(3)
  })

  test(
    'bad ones are not, and push no good one out',
    { tags: ['rule-cache-c3', 'rule-cache-c4'] },
    async () => {
      const verified = vi.spyOn(crypto.subtle, 'verify')
      const ask = createBearerApi(jwt({ cache: { maxEntries: 1 } }))
      const token = await sign(key)
      const forged = await sign({ ...key, privateKey: (keys[1] as IssuerKey).privateKey })
      for (const next of [token, forged, forged, token]) await ask(next)
      expect(verified).toHaveBeenCalledTimes(3)
    },
  )
})

test(
  '100,000 random requests have the same answers with the cache and without',
  // Two minutes do not always suffice on Node 20, whose WebCrypto is slower.
  { timeout: 400_000, tags: ['rule-cache-c12', 'rule-cache-c4'] },
  async () => {
    const random = createRandom(20_261_121)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const pool: string[] = []
    for (const signer of keys) {
      for (const claims of [
        {},
        { aud: 'other' },
        { iss: 'https://evil.example' },
        { exp: clock.seconds() + 500 },
        { exp: clock.seconds() + 5000 },
        { nbf: clock.seconds() + 700 },
        { exp: undefined },
        { scope: 7 },
      ]) {
        pool.push(await sign(signer, claims))
      }
    }
    const cached = createBearerApi(jwt({ cache: { maxEntries: 12 } }))
    const uncached = createBearerApi(jwt({ cache: false }))
    const seen = new Set<string>()
    const differing: object[] = []
    for (let count = 0; count < 100_000; count += 1) {
      const chance = random()
      if (chance < 0.002) publish(...keys.filter(() => random() < 0.7))
      else if (chance < 0.004) elapsed += 31_000
      else if (chance < 0.005) elapsed += 601_000
      else if (chance < 0.007) clock.advance(Math.floor(random() * 200) - 95)
      const token = chance > 0.97 ? mutate(pick(pool), random) : pick(pool)
      const answers = [await cached(token), await uncached(token)]
      if (answers[0] !== answers[1]) differing.push({ count, answers })
      seen.add(answers[0] as string)
    }
    expect(differing).toEqual([])
    expect([...seen].toSorted()).toEqual(
      expect.arrayContaining([
        'ERR_POP_TOKEN_AUDIENCE',
        'ERR_POP_TOKEN_EXPIRED',
        'ERR_POP_TOKEN_NOT_YET_VALID',
        'ERR_POP_TOKEN_SIGNATURE_INVALID',
        'ERR_POP_TOKEN_SOURCE_UNAVAILABLE',
        'accepted',
      ]),
    )
  },
)

/** Another character somewhere. */
function mutate(token: string, random: () => number): string {
  const at = Math.floor(random() * token.length)
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
