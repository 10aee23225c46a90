import type { OutageEvent } from '@oauth-pop/core'
import { collectEvents } from '@oauth-pop/testkit'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createBreaker, type Breaker } from '../src/breaker.ts'

let elapsed = 0
beforeEach(() => {
  elapsed = 0
  vi.spyOn(performance, 'now').mockImplementation(() => elapsed)
})
afterEach(() => void vi.restoreAllMocks())

const fail = (): Promise<never> => Promise.reject(new Error('reset'))
const succeed = async (): Promise<string> => 'answer'

/** As the parts of core use a breaker. */
async function use(
  breaker: Breaker,
  call: () => Promise<unknown>,
  isFailure = true,
): Promise<unknown> {
  const startedAt = breaker.start()
  try {
    const answer = await call()
    breaker.answered(startedAt)
    return answer
  } catch (error) {
    if (isFailure) breaker.failed(error)
    else breaker.answered(startedAt)
    throw error
  }
}

async function reasonOf(used: Promise<unknown>): Promise<unknown> {
  return used.catch((error: unknown) => (error as Error).message)
}

/** Five failures over 100 ms. */
async function breakIt(breaker: Breaker): Promise<void> {
  for (let time = 0; time < 5; time += 1) {
    await reasonOf(use(breaker, fail))
    elapsed += 25
  }
}

const down = 'redis is down: it is tried every 500 ms'

describe('a dependency that is down', { tags: ['rule-outage-fails-fast'] }, () => {
  test('is left alone but for one try in 500 ms, until a try succeeds', async () => {
    const breaker = createBreaker('redis')
    await breakIt(breaker)
    const call = vi.fn<() => Promise<never>>(fail)
    for (let probe = 1; probe < 4; probe += 1) {
      elapsed += 474
      expect(await reasonOf(use(breaker, call))).toBe(down)
      elapsed += 26
      expect(await reasonOf(use(breaker, call))).toBe('reset')
      expect(await reasonOf(use(breaker, call))).toBe(down)
      expect(call).toHaveBeenCalledTimes(probe)
    }
    elapsed += 500
    expect(await use(breaker, succeed)).toBe('answer')
    expect(await use(breaker, succeed)).toBe('answer')
  })

  test('fails at once for everybody else while somebody tries it', async () => {
    const breaker = createBreaker('redis')
    await breakIt(breaker)
    elapsed += 500
    let answer = (): void => {}
    const probe = use(breaker, () => new Promise<void>((resolve) => (answer = resolve)))
    expect(await reasonOf(use(breaker, succeed))).toBe(down)
    answer()
    await probe
    expect(await use(breaker, succeed)).toBe('answer')
  })

  test('says when the outage began, why, and when it ended, once each', async () => {
    const events = collectEvents<OutageEvent>('oauth-pop:outage')
    const breaker = createBreaker('redis')
    await breakIt(breaker)
    await breakIt(breaker)
    expect(events).toMatchObject([
      { dependency: 'redis', state: 'began', cause: { message: 'reset' } },
    ])
    elapsed += 500
    await use(breaker, succeed)
    await use(breaker, succeed)
    expect(events.slice(1)).toEqual([{ dependency: 'redis', state: 'ended' }])
  })
})

describe('a dependency that works', { tags: ['rule-outage-fails-fast'] }, () => {
  test.each([
    ['four failures in a row', 4, 25],
    ['fifty failures in less than 100 ms, as of one broken connection', 50, 1],
  ])('is used again after %s', async (_, failures, gap) => {
    const breaker = createBreaker('redis')
    for (let time = 0; time < failures; time += 1) {
      expect(await reasonOf(use(breaker, fail))).toBe('reset')
      elapsed += gap
    }
    expect(await use(breaker, succeed)).toBe('answer')
  })

  test('is used again when every second use fails', async () => {
    const breaker = createBreaker('redis')
    for (let time = 0; time < 100; time += 1) {
      expect(await reasonOf(use(breaker, fail))).toBe('reset')
      elapsed += 25
      expect(await reasonOf(use(breaker, succeed))).toBe('answer')
    }
  })

  test('is not taken for down because of refusals that are answers', async () => {
    const breaker = createBreaker('redis')
    for (let time = 0; time < 10; time += 1) {
      expect(await reasonOf(use(breaker, fail, false))).toBe('reset')
      elapsed += 25
    }
    expect(await use(breaker, succeed)).toBe('answer')
  })
})

test(
  'a use that began before the failures does not end an outage',
  { tags: ['rule-outage-fails-fast'] },
  async () => {
    const breaker = createBreaker('redis')
    let answer = (): void => {}
    const early = use(breaker, () => new Promise<void>((resolve) => (answer = resolve)))
    elapsed += 1
    await breakIt(breaker)
    answer()
    await early
    expect(await reasonOf(use(breaker, succeed))).toBe(down)
  },
)
