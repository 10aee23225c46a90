import diagnostics from 'node:diagnostics_channel'
import {
  bearer,
  createVerifier,
  dpop,
  mtls,
  pop,
  PopError,
  requireAuthentication,
  type AuthenticationRequirement,
  type GuardContext,
  type RefusedEvent,
  type VerifierOptions,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  dpopRequest,
  popRequest,
  signDpop,
  signPop,
} from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'

type Claims = Readonly<Record<string, unknown>>

const clock = createClock()
const now = clock.seconds()
const { holder, tokens } = createHolders()
const options: VerifierOptions = {
  publicUrl: apiUrl,
  tokens,
  now: clock.now,
  schemes: [bearer(), dpop({ algorithms: ['ES256'] }), pop()],
}
const verifier = createVerifier(options)

async function contextOf(claims: Claims, by = verifier): Promise<GuardContext> {
  const request = popRequest(signPop(holder('jwk', claims), clock.seconds()))
  const { accessToken } = await by.verify(request)
  return { verifier: by, accessToken, request }
}

function judge(requirement: AuthenticationRequirement, context: GuardContext): unknown {
  try {
    requireAuthentication(requirement)(context) as void
    return 'passes'
  } catch (error) {
    if (error instanceof PopError) return error
    throw error
  }
}

/** `passes`, or status, code and the claim that was judged. */
async function outcome(requirement: AuthenticationRequirement, claims: Claims): Promise<unknown> {
  const judged = judge(requirement, await contextOf(claims))
  if (!(judged instanceof PopError)) return judged
  expect(judged.code).toBe('ERR_POP_AUTHENTICATION_INSUFFICIENT')
  return `${judged.status} ${(judged.cause as { member: string }).member}`
}

describe('the class of a login', () => {
  const acrValues = ['phr', 'https://as.example.com/acr?strict=true']

  test.each<[string, unknown, string]>([
    ['the first that is taken', 'phr', 'passes'],
    ['another that is taken', 'https://as.example.com/acr?strict=true', 'passes'],
    ['none that is taken', 'pwd', '401 acr'],
    ['in other letters', 'PHR', '401 acr'],
    ['a part of one', 'ph', '401 acr'],
    ['all of them in one text', acrValues.join(' '), '401 acr'],
    ['empty', '', '401 acr'],
    ['missing', undefined, '401 acr'],
    ['null', null, '401 acr'],
    ['a list', ['phr'], '401 acr'],
    ['a number', 1, '401 acr'],
  ])('%s', { tags: ['step-up-acr'] }, async (_, acr, expected) => {
    expect(await outcome({ acrValues }, { acr })).toBe(expected)
  })
})

describe('the time of a login', () => {
  test.each<[string, unknown, string]>([
    ['just now', now, 'passes'],
    ['as old as it may be, with the tolerance', now - 330, 'passes'],
    ['a second older', now - 331, '401 auth_time'],
    ['half a second older', now - 330.5, '401 auth_time'],
    ['ahead by the tolerance', now + 30, 'passes'],
    ['a second further ahead', now + 31, '401 auth_time'],
    ['missing', undefined, '401 auth_time'],
    ['null', null, '401 auth_time'],
    ['text', String(now), '401 auth_time'],
    ['a list', [now], '401 auth_time'],
    ['in milliseconds', now * 1000, '401 auth_time'],
    ['zero', 0, '401 auth_time'],
  ])('%s', { tags: ['step-up-age'] }, async (_, time, expected) => {
    expect(await outcome({ maxAgeSeconds: 300 }, { auth_time: time })).toBe(expected)
  })

  test.each<[number, number, string]>([
    [0, 30, 'passes'],
    [0, 31, '401 auth_time'],
    [1, 31, 'passes'],
  ])(
    'of at most %d seconds, %d seconds ago',
    { tags: ['step-up-age'] },
    async (maxAgeSeconds, age, expected) => {
      expect(await outcome({ maxAgeSeconds }, { auth_time: now - age })).toBe(expected)
    },
  )

  test(
    'is judged by the clock and the tolerance of the verifier, anew for each request',
    { tags: ['step-up-age', 'rule-time-configured'] },
    async () => {
      const own = createClock()
      const exact = createVerifier({ ...options, now: own.now, clockToleranceSeconds: 0 })
      const context = await contextOf({ auth_time: own.seconds() }, exact)
      const requirement = { maxAgeSeconds: 300 }
      own.advance(300)
      expect(judge(requirement, context)).toBe('passes')
      own.advance(1)
      expect(judge(requirement, context)).toBeInstanceOf(PopError)
    },
  )

  test.each<[string, () => number]>([
    ['gives no number', () => Number.NaN],
    [
      'throws',
      () => {
        throw new Error('no clock')
      },
    ],
  ])('with a clock that %s: 500', { tags: ['rule-time-broken-clock'] }, async (_, broken) => {
    let read = clock.now
    const own = createVerifier({ ...options, now: () => read() })
    const context = await contextOf({ auth_time: now }, own)
    read = broken
    expect(judge({ maxAgeSeconds: 300 }, context)).toMatchObject({
      status: 500,
      code: 'ERR_POP_INTERNAL',
      headers: { 'cache-control': 'no-store' },
    })
  })
})

test.each<[string, Claims, string]>([
  ['both hold', { acr: 'phr', auth_time: now }, 'passes'],
  ['the class does not', { acr: 'pwd', auth_time: now }, '401 acr'],
  ['the time does not', { acr: 'phr', auth_time: now - 331 }, '401 auth_time'],
  ['neither does', { acr: 'pwd', auth_time: now - 331 }, '401 acr'],
])(
  'where class and time are asked for: %s',
  { tags: ['step-up-both'] },
  async (_, claims, expected) => {
    expect(await outcome({ acrValues: ['phr'], maxAgeSeconds: 300 }, claims)).toBe(expected)
  },
)

describe('the refusal', () => {
  const rest =
    'realm="api.example.com", error="insufficient_user_authentication", error_description="This resource needs a stronger or more recent login of the user"'

  test.each<[AuthenticationRequirement, string]>([
    [{ acrValues: ['b', 'a=1'] }, 'acr_values="b a=1"'],
    [{ maxAgeSeconds: 0 }, 'max_age="0"'],
    [{ maxAgeSeconds: 300, acrValues: ['b'] }, 'acr_values="b", max_age="300"'],
  ])(
    'of a guard with %j asks for exactly that',
    { tags: ['step-up-challenge'] },
    async (requirement, asked) => {
      expect(judge(requirement, await contextOf({}))).toMatchObject({
        status: 401,
        error: 'insufficient_user_authentication',
        headers: { 'cache-control': 'no-store', 'www-authenticate': `PoP ${rest}, ${asked}` },
      })
    },
  )

  test(
    'speaks of the scheme that was used, and of no other',
    { tags: ['step-up-challenge', 'answer-algs'] },
    async () => {
      const all = createVerifier({ ...options, schemes: [...(options.schemes ?? []), mtls()] })
      const dana = holder('jkt')
      const byDpop = await all.verify(dpopRequest(dana, signDpop(dana, now)))
      const byPop = await verifier.verify(popRequest(signPop(holder(), now)))
      const used = [
        byPop.accessToken,
        byDpop.accessToken,
        { ...byPop.accessToken, scheme: 'mTLS' as const },
        { ...byPop.accessToken, scheme: 'Bearer' as const },
      ]
      const challenges = used.map((token) => {
        const refusal = judge({ maxAgeSeconds: 5 }, { verifier: all, accessToken: token })
        return (refusal as PopError).headers['www-authenticate']
      })
      const asked = `${rest}, max_age="5"`
      expect(challenges).toEqual([
        `PoP ${asked}`,
        `DPoP ${asked}, algs="ES256"`,
        `Bearer ${asked}`,
        `Bearer ${asked}`,
      ])
    },
  )

  test('gives no server nonce', { tags: ['step-up-challenge'] }, async () => {
    const own = createVerifier({ ...options, nonce: { required: false } })
    const { headers } = judge({ maxAgeSeconds: 5 }, await contextOf({}, own)) as PopError
    expect(Object.keys(headers)).toEqual(['cache-control', 'www-authenticate'])
    expect(headers['www-authenticate']).not.toMatch(/nonce/)
  })

  test.each<[AuthenticationRequirement, Claims, object]>([
    [{ acrValues: ['a', 'b'] }, { acr: 'c' }, { member: 'acr', expected: 'a b', actual: 'c' }],
    [{ acrValues: ['a'] }, {}, { member: 'acr', expected: 'a', actual: undefined }],
    [{ acrValues: ['a'] }, { acr: ['a'] }, { member: 'acr', expected: 'a', actual: 'list' }],
    [{ acrValues: ['a'] }, { acr: null }, { member: 'acr', expected: 'a', actual: 'null' }],
    [
      { maxAgeSeconds: 5 },
      { auth_time: now - 36 },
      { member: 'auth_time', expected: `at least ${now - 35}`, actual: now - 36 },
    ],
    [
      { maxAgeSeconds: 5 },
      { auth_time: now + 31 },
      { member: 'auth_time', expected: `at most ${now + 30}`, actual: now + 31 },
    ],
    [
      { maxAgeSeconds: 5 },
      { auth_time: `${now}` },
      { member: 'auth_time', expected: `at least ${now - 35}`, actual: 'string' },
    ],
  ])(
    'of a guard with %j for %j is an event with the claim, and nothing else of the token',
    { tags: ['step-up-challenge', 'rule-event'] },
    async (requirement, claims, cause) => {
      const context = await contextOf({ ...claims, email: 'alice@example.com' })
      const events: RefusedEvent[] = []
      const listen = (event: unknown): void => void events.push(event as RefusedEvent)
      diagnostics.subscribe('oauth-pop:refused', listen)
      judge(requirement, context)
      diagnostics.unsubscribe('oauth-pop:refused', listen)
      expect(events).toEqual([
        {
          method: 'GET',
          path: '/items',
          code: 'ERR_POP_AUTHENTICATION_INSUFFICIENT',
          status: 401,
          mode: 'enforce',
          scheme: 'PoP',
          cause,
        },
      ])
    },
  )

  test.each<[string, object, string]>([
    ['a class with a quote', { acrValues: ['a"', 'b'] }, ', acr_values="b"'],
    ['classes that cannot stand there at all', { acrValues: ['a b', 'c,d', 'e\\', ''] }, ''],
    ['an age below zero', { maxAgeSeconds: -1 }, ''],
    ['an age that is no whole number', { maxAgeSeconds: 1.5 }, ''],
  ])(
    'that an application writes by itself leaves out %s',
    { tags: ['step-up-challenge'] },
    (_, detail, asked) => {
      const error = new PopError('ERR_POP_AUTHENTICATION_INSUFFICIENT')
      const { headers } = verifier.refuse(error, 'PoP', detail)
      expect(headers['www-authenticate']).toBe(`PoP ${rest}${asked}`)
    },
  )
})

test('a list keeps what it was made with', { tags: ['step-up-acr'] }, async () => {
  const acrValues = ['a']
  const guard = requireAuthentication({ acrValues })
  acrValues.push('b')
  const context = await contextOf({ acr: 'b' })
  expect(() => guard(context)).toThrow(PopError)
})
