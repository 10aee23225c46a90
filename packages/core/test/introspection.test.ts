import { setTimeout as sleep } from 'node:timers/promises'
import {
  createVerifier,
  introspectedTokens,
  jwtTokens,
  PopError,
  type IntrospectedTokensOptions,
  type TokenResolver,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  popRequest,
  signPop,
  startFaultServer,
  type Fault,
  type FaultServer,
} from '@oauth-pop/testkit'
import { ClientSecretPost, PrivateKeyJwt } from 'oauth4webapi'
import { decodeJwt, generateKeyPair, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createIssuerKey } from './issuer-key.ts'

const clock = createClock()
const { holder } = createHolders()
const alice = holder()
const outage = '503 ERR_POP_TOKEN_SOURCE_UNAVAILABLE'
const inactive = '401 ERR_POP_TOKEN_INACTIVE'

type Json = Readonly<Record<string, unknown>>

const active = (change: Json = {}): Json => ({
  active: true,
  aud: apiUrl,
  sub: 'alice',
  exp: clock.seconds() + 600,
  cnf: { jwk: alice.jwk },
  ...change,
})

let server: FaultServer
let elapsed = 0

beforeEach(async () => {
  server = await startFaultServer()
  server.answer(active())
  vi.spyOn(performance, 'now').mockImplementation(() => elapsed)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await server.close()
})

function tokens(change: Partial<IntrospectedTokensOptions> = {}): TokenResolver {
  return introspectedTokens({
    endpoint: `${server.url}/introspect`,
    clientId: 'api',
    audience: apiUrl,
    ...('authenticate' in change ? {} : { clientSecret: 'secret' }),
    ...change,
  })
}

function createApi(
  resolver: TokenResolver | readonly TokenResolver[] = tokens(),
): (token?: string) => Promise<string> {
  const verifier = createVerifier({ publicUrl: apiUrl, tokens: resolver, now: clock.now })
  return (accessToken = alice.accessToken) =>
    verifier.verify(popRequest(signPop({ ...alice, accessToken }, clock.seconds()))).then(
      () => 'accepted',
      (error: unknown) => (error instanceof PopError ? `${error.status} ${error.code}` : 'fault'),
    )
}

describe('an authorization server in trouble', () => {
  const faults: Fault[] = [
    'reset',
    'html',
    'redirect',
    'huge',
    'status 500',
    'status 401',
    'status 429',
  ]

  test.each(faults)(
    'that answers like %s is an outage, and nothing is remembered',
    { tags: ['attack-183', 'attack-184', 'rule-cache-c3', 'rule-cache-c8'] },
    async (fault) => {
      const ask = createApi(tokens({ cache: { seconds: 30 } }))
      server.answer(fault)
      expect(await ask()).toBe(outage)
      server.answer(active())
      elapsed += 1000
      expect(await ask()).toBe('accepted')
    },
  )

  test.each([201, 401, 500])(
    'that says yes with status %i is an outage',
    { tags: ['attack-184'] },
    async (status) => {
      server.answer(active(), status)
      expect(await createApi()()).toBe(outage)
    },
  )

  test.each([
    ['unsupported_token_type', 'at its first question', inactive],
    ['invalid_token', 'at its first question', inactive],
    ['invalid_grant', 'at its first question', inactive],
    ['invalid_request', 'at its first question', outage],
    ['invalid_request', 'once it has answered one', inactive],
    ['invalid_client', 'once it has answered one', outage],
    ['unauthorized_client', 'once it has answered one', outage],
    [undefined, 'once it has answered one', outage],
    [{}, 'once it has answered one', outage],
  ])(
    'that answers 400 with the error %o %s refuses the token or is an outage',
    { tags: ['rule-introspection-refusal'] },
    async (error, when, expected) => {
      const ask = createApi()
      if (when !== 'at its first question') await ask()
      server.answer({ error }, 400)
      expect(await ask()).toBe(expected)
      server.answer({ error }, 401)
      expect(await ask()).toBe(outage)
      server.answer(active())
      expect(await ask()).toBe('accepted')
    },
  )

  test(
    'that cannot look up a JWT of somebody else does not keep JWTs of ours out',
    { tags: ['rule-introspection-refusal'] },
    async () => {
      server.answer({ error: 'unsupported_token_type' }, 400)
      const own = await createIssuerKey('1', 'ES256')
      const issuer = 'https://as.example.com'
      const jwts = jwtTokens({ issuer, audience: apiUrl, jwks: { keys: [own.jwk] } })
      const ask = createApi([jwts, tokens()])
      const sign = (iss: string): Promise<string> =>
        new SignJWT({ iss, aud: apiUrl, exp: clock.seconds() + 60, cnf: { jwk: alice.jwk } })
          .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: '1' })
          .sign(own.privateKey)
      expect(await ask(await sign(issuer))).toBe('accepted')
      for (const foreign of [
        await sign('https://other.example.com'),
        'a.b.c',
        'eyJhbGciOiJFUzI1NiJ9.e30.AA',
      ])
        expect(await ask(foreign)).toMatch(/^401 /)
    },
  )

  test.each(['hang', 'drip'] as const)(
    'that does %s is an outage in time',
    { tags: ['attack-183', 'attack-184'] },
    async (fault) => {
      server.answer(fault)
      const before = Date.now()
      expect(await createApi()()).toBe(outage)
      expect(Date.now() - before).toBeLessThan(2500)
    },
  )

  test(
    'that hangs is asked 12 questions of strangers at once, and nobody waits longer than for one',
    { tags: ['attack-187'] },
    async () => {
      server.answer('hang')
      const ask = createApi()
      const before = Date.now()
      const answers = await Promise.all(Array.from({ length: 400 }, () => ask()))
      expect(new Set(answers)).toEqual(new Set([outage]))
      expect(server.asked).toHaveLength(12)
      expect(Date.now() - before).toBeLessThan(6000)
    },
  )

  test(
    'that is slow serves everyone who waits, never more than 16 at a time',
    { tags: ['attack-187', 'attack-222'] },
    async () => {
      let [inFlight, most] = [0, 0]
      const slowly: typeof fetch = async () => {
        inFlight += 1
        most = Math.max(most, inFlight)
        await new Promise(setImmediate)
        inFlight -= 1
        return Response.json(active())
      }
      const ask = createApi(tokens({ fetch: slowly }))
      const askTwice = async (): Promise<readonly string[]> => [await ask(), await ask()]
      const answers = await Promise.all(Array.from({ length: 100 }, askTwice))
      expect(new Set(answers.flat())).toEqual(new Set(['accepted']))
      expect(most).toBe(16)
    },
  )

  test(
    'with more questions than may wait, refuses the rest at once',
    { tags: ['attack-187'] },
    async () => {
      const held: (() => void)[] = []
      const fetchLater = async (): Promise<Response> => {
        await new Promise<void>((resolve) => held.push(resolve))
        return Response.json(active())
      }
      const ask = createApi(tokens({ fetch: fetchLater }))
      const all = Array.from({ length: 280 }, () => ask())
      const refused = await Promise.all(all.slice(268))
      expect(refused).toEqual(Array.from({ length: 12 }, () => outage))
      const timer = setInterval(() => held.splice(0).forEach((release) => release()), 1)
      expect(new Set(await Promise.all(all.slice(0, 268)))).toEqual(new Set(['accepted']))
      clearInterval(timer)
    },
  )
})

describe('answers', () => {
  test('are not remembered by default', { tags: ['attack-185', 'rule-cache-c6'] }, async () => {
    const ask = createApi()
    for (let count = 0; count < 3; count += 1) expect(await ask()).toBe('accepted')
    expect(server.asked).toHaveLength(3)
  })

  test(
    'are remembered for the seconds that are asked for, however often they are used',
    { tags: ['attack-185', 'rule-cache-c6'] },
    async () => {
      const ask = createApi(tokens({ cache: { seconds: 10 } }))
      expect(await ask()).toBe('accepted')
      server.answer({ active: false })
      for (let second = 0; second < 10; second += 1) {
        expect(await ask()).toBe('accepted')
        elapsed += 1000
      }
      expect(await ask()).toBe('401 ERR_POP_TOKEN_INACTIVE')
      expect(server.asked).toHaveLength(2)
    },
  )

  test('live no longer when the clock is set back', { tags: ['rule-cache-c11'] }, async () => {
    const ask = createApi(tokens({ cache: { seconds: 10 } }))
    expect(await ask()).toBe('accepted')
    server.answer({ active: false })
    clock.advance(-3600)
    elapsed += 10_000
    expect(await ask()).toBe('401 ERR_POP_TOKEN_INACTIVE')
    clock.advance(3600)
  })

  test('that say no are not remembered', { tags: ['attack-186', 'rule-cache-c3'] }, async () => {
    const ask = createApi(tokens({ cache: { seconds: 30 } }))
    server.answer({ active: false })
    expect(await ask()).toBe('401 ERR_POP_TOKEN_INACTIVE')
    server.answer(active())
    expect(await ask()).toBe('accepted')
  })

  test('without an end are not remembered', { tags: ['rule-cache-c6'] }, async () => {
    server.answer(active({ exp: undefined }))
    const ask = createApi(tokens({ cache: { seconds: 30 } }))
    expect([await ask(), await ask(), server.asked.length]).toEqual(['accepted', 'accepted', 2])
  })

  test('end with the token, remembered or not', { tags: ['rule-cache-c5'] }, async () => {
    const ask = createApi(tokens({ cache: { seconds: 30 } }))
    server.answer(active({ exp: clock.seconds() + 5 }))
    expect(await ask()).toBe('accepted')
    clock.advance(35)
    expect(await ask()).toBe('401 ERR_POP_TOKEN_EXPIRED')
    clock.advance(-35)
  })

  test(
    'of one token are not used for another',
    { tags: ['rule-cache-c1', 'rule-cache-c8'] },
    async () => {
      const ask = createApi(tokens({ cache: { seconds: 30 } }))
      expect(await ask()).toBe('accepted')
      server.answer({ active: false })
      expect(await ask('another-token')).toBe('401 ERR_POP_TOKEN_INACTIVE')
    },
  )

  test.each([0, 31, 1.5, -1, Number.NaN, '10'])(
    'cannot be remembered for %s seconds',
    { tags: ['attack-185', 'rule-cache-c6'] },
    (seconds) => {
      expect(() => tokens({ cache: { seconds: seconds as number } })).toThrow(TypeError)
    },
  )
})

describe('authentication', () => {
  async function questionOf(change: Partial<IntrospectedTokensOptions>): Promise<{
    readonly headers: Headers
    readonly body: URLSearchParams
  }> {
    const questions: RequestInit[] = []
    const record: typeof fetch = async (_url, init) => {
      questions.push(init as RequestInit)
      return Response.json(active())
    }
    expect(await createApi(tokens({ fetch: record, ...change }))()).toBe('accepted')
    const [{ headers, body }] = questions as [RequestInit]
    return { headers: new Headers(headers), body: new URLSearchParams(body as URLSearchParams) }
  }

  test('is client_secret_basic with a secret', async () => {
    const { headers, body } = await questionOf({ clientSecret: 's e:cret' })
    const basic = Buffer.from('api:s+e%3Acret').toString('base64')
    expect(headers.get('authorization')).toBe(`Basic ${basic}`)
    expect(body.get('token')).toBe(alice.accessToken)
  })

  test('is client_secret_post with a function for it', async () => {
    const { headers, body } = await questionOf({ authenticate: ClientSecretPost('secret') })
    expect(headers.get('authorization')).toBeNull()
    expect([body.get('client_id'), body.get('client_secret')]).toEqual(['api', 'secret'])
  })

  test('is private_key_jwt with a function for it, for the audience that it names', async () => {
    const { privateKey } = await generateKeyPair('ES256')
    const issuer = 'https://as.example.com/realms/demo'
    const { body } = await questionOf({
      authenticate: (as, ...rest) => PrivateKeyJwt(privateKey)({ ...as, issuer }, ...rest),
    })
    const assertion = decodeJwt(body.get('client_assertion') ?? '')
    expect(assertion).toMatchObject({ iss: 'api', sub: 'api', aud: issuer })
  })

  test('that fails is an outage', async () => {
    const authenticate = async (): Promise<void> => {
      await sleep(1)
      throw new Error('the key is not there')
    }
    expect(await createApi(tokens({ authenticate }))()).toBe(outage)
  })

  test.each<[string, Partial<IntrospectedTokensOptions>]>([
    ['both', { clientSecret: 'secret', authenticate: () => {} }],
    ['neither', { authenticate: undefined as never }],
    ['something else', { authenticate: 'basic' as never }],
  ])('with %s is a mistake at start-up', (_, change) => {
    expect(() => tokens(change)).toThrow(TypeError)
  })
})

test.each<[string, string, string]>([
  ['audience', 'clientSecret', 'dangerouslyAnyAudience: true'],
  ['clientSecret', 'audience', 'authenticate: '],
])('without %s says what can stand in its place', (missing, given, instead) => {
  const options = { endpoint: 'https://as.example.com/introspect', clientId: 'api', [given]: 'x' }
  const make = (): unknown => introspectedTokens(options)
  expect(make).toThrow(`introspectedTokens ${missing} is missing: write `)
  expect(make).toThrow(instead)
})
