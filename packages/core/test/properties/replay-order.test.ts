import {
  createVerifier,
  memoryReplayStore,
  type HttpRequest,
  type ReplayEntry,
  type ReplayStore,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  createReplayEntry,
  outcomeOf,
  signPop,
} from '@oauth-pop/testkit'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { clock, host, ascending } from './fixtures.ts'

// Room for a busy machine: all of them together take some seconds.
vi.setConfig({ testTimeout: 60_000 })

describe('P5: a proof is accepted at most once, in whatever order things happen', () => {
  const { holder, tokens } = createHolders()
  const alice = holder()
  const start = createClock().seconds()
  const proofs = [{ jti: 'a' }, { jti: undefined, nonce: 'b' }, { jti: undefined }]
  const transports = {
    header: (proof: string) => ({
      target: '/items',
      rawHeaders: [...host, 'Authorization', `PoP ${proof}`],
    }),
    query: (proof: string) => ({ target: `/items?pop_access_token=${proof}`, rawHeaders: host }),
    form: () => ({
      target: '/items',
      rawHeaders: [...host, 'Content-Type', 'application/x-www-form-urlencoded'],
    }),
  }
  type Transport = keyof typeof transports

  /** Sends one of `proofs`, signed anew, which with ES256 gives another signature each time. */
  function request(which: number, transport: Transport, scheduler: fc.Scheduler): HttpRequest {
    const proof = signPop(alice, start, { m: 'POST', ...proofs[which] })
    const form = Buffer.from(`pop_access_token=${proof}`)
    const body = scheduler.scheduleFunction(async () => form)
    return { method: 'POST', ...transports[transport](proof), body }
  }

  const attempt = fc.record({
    which: fc.nat({ max: proofs.length - 1 }),
    transport: fc.constantFrom<Transport[]>('header', 'query', 'form'),
    /** Those of one group arrive in the same tick. */
    group: fc.nat({ max: 3 }),
  })
  type Attempts = readonly (typeof attempt extends fc.Arbitrary<infer T> ? T : never)[]
  const attempts = fc.array(attempt, { minLength: 2, maxLength: 12 })

  /** Sends all, and gives the accepted ones. Some token sources answer only when they are told to. */
  async function race(
    scheduler: fc.Scheduler,
    list: Attempts,
    options: { replay: ReplayStore; now: () => number },
  ): Promise<readonly number[]> {
    const slow = scheduler.scheduleFunction(async (...asked: Parameters<typeof tokens.resolve>) =>
      tokens.resolve(...asked),
    )
    const sources = [{ resolve: slow }, tokens]
    const verifiers = sources.map((source) =>
      createVerifier({ publicUrl: apiUrl, tokens: source, ...options }),
    )
    const ticks = [0, 1, 2, 3].map((group) => scheduler.schedule(Promise.resolve(), `${group}`))
    const sent = list.map(async ({ which, transport, group }) => {
      await ticks[group]
      const verification = verifiers[group % 2]?.verify(request(which, transport, scheduler))
      return (await outcomeOf(verification ?? Promise.reject(new Error()))) === 'accepted'
        ? [which]
        : []
    })
    const accepted = await scheduler.waitFor(Promise.all(sent))
    return accepted.flat().toSorted(ascending)
  }

  const tried = (list: Attempts): readonly number[] =>
    [...new Set(list.map(({ which }) => which))].toSorted(ascending)

  test('by the memory store, exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), attempts, async (scheduler, list) => {
        const { now } = createClock()
        const accepted = await race(scheduler, list, { replay: memoryReplayStore({ now }), now })
        expect(accepted).toEqual(tried(list))
      }),
      { numRuns: 150 },
    )
  })

  test('by the memory store while the clock jumps', async () => {
    const jumps = fc.array(fc.constantFrom(-400, -300, 40, 300, 400), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), attempts, jumps, async (scheduler, list, steps) => {
        const own = createClock()
        const replay = memoryReplayStore({ now: own.now, restartGuard: 'off' })
        for (const [index, by] of steps.entries()) {
          void scheduler.schedule(Promise.resolve(), `${by} s`).then(() => {
            own.advance(by)
            // A proof of now is what makes the store look for what has expired.
            return replay.claim(createReplayEntry(`${index}`, own.seconds())).catch(() => {})
          })
        }
        const accepted = await race(scheduler, [...list, ...list], { replay, now: own.now })
        expect(accepted).toEqual([...new Set(accepted)])
      }),
      { numRuns: 300 },
    )
  })

  afterEach(() => void vi.useRealTimers())

  test('by a store that answers late or not in time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), attempts, fc.boolean(), async (scheduler, list, late) => {
        const used = new Set<string>()
        const claim = async ({ id }: ReplayEntry): Promise<boolean> => {
          await scheduler.schedule(Promise.resolve(), 'the claim arrives')
          const first = !used.has(id)
          used.add(id)
          await scheduler.schedule(Promise.resolve(), 'the answer arrives')
          return first
        }
        const deadline = late ? [scheduler.schedule(Promise.resolve(), 'the deadline')] : []
        for (const passed of deadline) void passed.then(() => vi.advanceTimersByTime(250))
        const accepted = await race(scheduler, list, { replay: { claim }, now: clock.now })
        expect(accepted).toEqual(late ? [...new Set(accepted)] : tried(list))
      }),
      { numRuns: 150 },
    )
  })
})
