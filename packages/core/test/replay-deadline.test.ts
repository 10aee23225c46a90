import { createSharedStore, ReplayStoreError, type Question } from '@oauth-pop/core/replay'
import { createClock, createReplayEntry } from '@oauth-pop/testkit'
import { expect, onTestFinished, test, vi } from 'vitest'
import { withinDeadline } from '../src/replay/deadline.ts'

function block(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

/** As what is written in one turn of the event loop and answered in a later one. */
async function nextTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate)
}

test(
  'an event loop that was blocked beyond the deadline still sends and reads',
  { tags: ['rule-replay-deadline'] },
  async () => {
    const answer = withinDeadline(100, async () => {
      block(150)
      await nextTurns(3)
      return 'the answer'
    })
    expect(await answer).toBe('the answer')
  },
)

test(
  'an event loop that is blocked again and again does not wait for ever',
  { tags: ['rule-replay-deadline'] },
  async () => {
    let turns = 0
    const answer = withinDeadline(20, async () => {
      for (; turns < 100; turns += 1) {
        block(20)
        await nextTurns(1)
      }
    })
    await expect(answer).rejects.toThrow('no answer within 20 ms')
    expect(turns).toBeLessThan(20)
  },
)

test.each([1, 2, 3, 4, 5, 7, 99, 100, 101, 250])(
  'a deadline of %i ms is not a millisecond shorter or longer',
  { tags: ['rule-replay-deadline'] },
  async (milliseconds) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    let ended = false
    void withinDeadline(milliseconds, () => new Promise(() => {})).catch(() => (ended = true))
    await vi.advanceTimersByTimeAsync(milliseconds - 1)
    await nextTurns(2)
    expect(ended).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    await nextTurns(2)
    expect(ended).toBe(true)
  },
)

/** A server that has begun to remember at a time of our clock, and is asked so late that it has just begun. */
async function claimLate(lateMs: number, age: number): Promise<unknown> {
  const clock = createClock()
  let now = clock.now()
  const store = createSharedStore(
    'test',
    { now: () => now },
    async ({ latest, number }: Question) => {
      now = latest + lateMs
      const began = clock.now()
      return ['first', latest - (now - began), number]
    },
  )
  const entry = createReplayEntry('a', clock.seconds() - age)
  return store.claim(entry).catch((error: unknown) => {
    if (error instanceof ReplayStoreError) return [error.code, error.retryAfterSeconds]
    throw error
  })
}

test.each([
  ['in time, made after the memory began', 0, 0, true],
  ['late, made after the memory began', 5000, 0, true],
  ['late, made before it', 5000, 1, ['ERR_POP_REPLAY_TOO_OLD', 1]],
  ['late, made long before it', 5000, 4, ['ERR_POP_REPLAY_TOO_OLD', 4]],
] as const)(
  'a first use that a shared store reports %s',
  { tags: ['rule-replay-once'] },
  async (_, lateMs, age, outcome) => {
    expect(await claimLate(lateMs, age)).toEqual(outcome)
  },
)
