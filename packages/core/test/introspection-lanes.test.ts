import { bearer, createVerifier, introspectedTokens } from '@oauth-pop/core'
import { apiUrl, createClock, outcomeOf } from '@oauth-pop/testkit'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { bearerRequest } from './bearer-request.ts'

const clock = createClock()
const outage = 'ERR_POP_TOKEN_SOURCE_UNAVAILABLE'
const inactive = 'ERR_POP_TOKEN_INACTIVE'
let elapsed = 0

beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => elapsed))
afterEach(() => void vi.restoreAllMocks())

type Answer = () => Response | Promise<Response>

const good: Answer = () => Response.json({ active: true, aud: apiUrl })
const bad: Answer = () => Response.json({ active: false })
const slowDown = (headers: Record<string, string> = {}): Response =>
  new Response(null, { status: 429, headers })
const never: Answer = () => new Promise<Response>(() => {})

/** An API, and a server that answers for tokens that begin with `good`, and for those of strangers. */
function createApi(): {
  readonly answers: { good: Answer; stranger: Answer }
  readonly asked: string[]
  readonly ask: (token: string) => Promise<string>
} {
  const answers = { good, stranger: bad }
  const asked: string[] = []
  const tokens = introspectedTokens({
    endpoint: 'https://as.example.com/introspect',
    clientId: 'api',
    clientSecret: 'secret',
    audience: apiUrl,
    async fetch(_url, init) {
      const token = new URLSearchParams(init?.body as URLSearchParams).get('token') ?? ''
      asked.push(token)
      init?.signal?.throwIfAborted()
      const aborted = new Promise<never>((_, reject) =>
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))),
      )
      return Promise.race([token.startsWith('good') ? answers.good() : answers.stranger(), aborted])
    },
  })
  const schemes = [bearer()]
  const verifier = createVerifier({ publicUrl: apiUrl, tokens, schemes, now: clock.now })
  return {
    answers,
    asked,
    ask(token) {
      return outcomeOf(verifier.verify(bearerRequest(token)))
    },
  }
}

const strangers = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `stranger-${index}`)

describe('a server that answers 429', { tags: ['attack-184'] }, () => {
  test.each([
    ['a second when it does not say how long', {}, 1],
    ['as long as it says', { 'retry-after': '7' }, 7],
    ['half a minute at the most', { 'retry-after': '3600' }, 30],
    ['a second when it says a date', { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }, 1],
  ] as const)('is asked once in a second for %s', async (_, headers, seconds) => {
    const { answers, asked, ask } = createApi()
    answers.stranger = () => slowDown(headers)
    expect(await ask('stranger')).toBe(outage)
    answers.stranger = never
    for (let second = 1; second < seconds; second += 1) {
      elapsed += 999
      expect(new Set(await Promise.all(strangers(20).map(ask)))).toEqual(new Set([outage]))
      expect(asked).toHaveLength(second)
      elapsed += 1
      void ask('probe')
      expect(await ask('stranger')).toBe(outage)
      expect(asked).toHaveLength(second + 1)
    }
    elapsed += 999
    expect(await ask('stranger')).toBe(outage)
    answers.stranger = bad
    elapsed += 1
    expect(new Set(await Promise.all(strangers(20).map(ask)))).toEqual(new Set([inactive]))
  })

  test('is asked as before once a probe is answered', async () => {
    const { answers, asked, ask } = createApi()
    answers.stranger = () => slowDown({ 'retry-after': '30' })
    expect(await ask('stranger')).toBe(outage)
    answers.stranger = bad
    elapsed += 1000
    expect(await ask('stranger')).toBe(inactive)
    expect(new Set(await Promise.all(strangers(20).map(ask)))).toEqual(new Set([inactive]))
    expect(asked).toHaveLength(22)
  })

  test('to a stranger goes on to answer for tokens lately seen active', async () => {
    const { answers, ask } = createApi()
    expect(await ask('good-1')).toBe('accepted')
    answers.stranger = () => slowDown({ 'retry-after': '30' })
    for (let count = 0; count < 50; count += 1) {
      expect(await ask(`stranger-${count}`)).toBe(outage)
      expect(await ask('good-1')).toBe('accepted')
      elapsed += 100
    }
  })

  test('to everybody is asked for tokens lately seen active four times a second', async () => {
    const { answers, asked, ask } = createApi()
    expect(await ask('good-1')).toBe('accepted')
    answers.good = () => slowDown()
    expect(await ask('good-1')).toBe(outage)
    asked.length = 0
    for (let count = 0; count < 40; count += 1) {
      elapsed += 100
      expect(await ask('good-1')).toBe(outage)
    }
    expect(asked.length).toBeLessThanOrEqual(16)
    answers.good = good
    elapsed += 250
    expect(await ask('good-1')).toBe('accepted')
    expect(await ask('good-1')).toBe('accepted')
  })

  test('is not asked more because of an answer to an older question', async () => {
    const { answers, asked, ask } = createApi()
    let release: (response: Response) => void = () => {}
    answers.stranger = () => new Promise<Response>((resolve) => void (release = resolve))
    const older = ask('stranger-old')
    await vi.waitFor(() => expect(asked).toHaveLength(1))
    elapsed += 1
    answers.stranger = () => slowDown({ 'retry-after': '10' })
    expect(await ask('stranger-new')).toBe(outage)
    release(Response.json({ active: false }))
    expect(await older).toBe(inactive)
    expect([await ask('stranger-new'), asked.length]).toEqual([outage, 2])
  })
})

describe('a server that does not answer', { tags: ['rule-outage-fails-fast'] }, () => {
  const broken: Answer = () => Promise.reject(new Error('reset'))
  const failing: Answer = () => new Response(null, { status: 502 })

  test.each([
    ['breaks connections', broken],
    ['answers 502', failing],
  ])('but %s is asked twice a second in each lane', async (_, answer) => {
    const { answers, asked, ask } = createApi()
    expect(await ask('good-1')).toBe('accepted')
    answers.good = answer
    answers.stranger = answer
    for (let count = 0; count < 5; count += 1) {
      elapsed += 25
      expect([await ask('good-1'), await ask('stranger')]).toEqual([outage, outage])
    }
    asked.length = 0
    for (let count = 0; count < 40; count += 1) {
      elapsed += 25
      expect([await ask('good-1'), await ask('stranger')]).toEqual([outage, outage])
    }
    expect(asked).toEqual(['good-1', 'stranger', 'good-1', 'stranger'])
    answers.good = good
    elapsed += 500
    expect([await ask('good-1'), await ask('good-1')]).toEqual(['accepted', 'accepted'])
  })

  test('for the tokens of strangers goes on to be asked for those lately active', async () => {
    const { answers, ask } = createApi()
    expect(await ask('good-1')).toBe('accepted')
    answers.stranger = broken
    for (const token of strangers(20)) {
      elapsed += 25
      expect([await ask(token), await ask('good-1')]).toEqual([outage, 'accepted'])
    }
  })
})

describe('a stranger with made-up tokens', { tags: ['attack-187'] }, () => {
  test('who takes all places and all of the queue keeps no token out that was active', async () => {
    const { answers, ask } = createApi()
    expect(await ask('good-1')).toBe('accepted')
    answers.stranger = never
    const held = strangers(400).map(ask)
    for (let count = 0; count < 20; count += 1) expect(await ask('good-1')).toBe('accepted')
    expect(new Set(await Promise.all(held))).toEqual(new Set([outage]))
  })

  test('pushes no active token out of memory, and ten minutes do', async () => {
    const { answers, ask } = createApi()
    expect(await ask('good-1')).toBe('accepted')
    for (const token of strangers(300)) await ask(token)
    elapsed += 599_999
    answers.stranger = never
    const held = strangers(400).map(ask)
    expect(await ask('good-1')).toBe('accepted')
    elapsed += 600_000
    expect(await ask('good-1')).toBe(outage)
    await Promise.all(held)
  })

  test('waits behind the active ones, and still gets his answer', async () => {
    const { answers, asked, ask } = createApi()
    const active = Array.from({ length: 100 }, (_, index) => `good-${index}`)
    await Promise.all(active.map(ask))
    asked.length = 0
    const held: (() => void)[] = []
    const later: Answer = async () => {
      await new Promise<void>((resolve) => held.push(resolve))
      return Response.json({ active: true, aud: apiUrl })
    }
    answers.good = later
    answers.stranger = later
    const all = Promise.all([...active, ...strangers(50)].map(ask))
    const timer = setInterval(() => held.splice(0).forEach((release) => release()), 1)
    expect(new Set(await all)).toEqual(new Set(['accepted']))
    clearInterval(timer)
    const of = (from: number, to: number): number =>
      asked.slice(from, to).filter((token) => token.startsWith('good')).length
    expect([of(0, 16), of(0, 100) > 70]).toEqual([12, true])
  })

  test('whose token is revoked is a stranger again', async () => {
    const { answers, ask } = createApi()
    expect(await ask('good-1')).toBe('accepted')
    answers.good = bad
    expect(await ask('good-1')).toBe(inactive)
    answers.stranger = never
    const held = strangers(400).map(ask)
    expect(await ask('good-1')).toBe(outage)
    await Promise.all(held)
  })
})
