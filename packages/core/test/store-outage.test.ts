import { stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import {
  createVerifier,
  ReplayStoreError,
  type OutageEvent,
  type RefusedEvent,
  type ReplayStore,
} from '@oauth-pop/core'
import {
  apiUrl,
  collectEvents,
  createClock,
  createHolders,
  popRequest,
  signPop,
} from '@oauth-pop/testkit'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

const { holder, tokens } = createHolders()
const alice = holder()
const clock = createClock()

let elapsed = 0
beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => elapsed))
afterEach(() => void vi.restoreAllMocks())

function createApi(replay: ReplayStore): () => Promise<unknown> {
  const verifier = createVerifier({ publicUrl: apiUrl, tokens, replay, now: clock.now })
  return async function call() {
    try {
      await verifier.verify(popRequest(signPop(alice, clock.seconds())))
      return 200
    } catch (error) {
      return error
    }
  }
}

const unavailable = {
  status: 503,
  code: 'ERR_POP_REPLAY_UNAVAILABLE',
  headers: { 'retry-after': '1' },
}

const outages: Readonly<Record<string, ReplayStore['claim']>> = {
  'that throws': () => {
    throw new Error('x')
  },
  'that rejects': () => Promise.reject(new Error('x')),
  'that says undefined': async () => undefined as never,
  'that says OK': async () => 'OK' as never,
  'that says so itself': () =>
    Promise.reject(new ReplayStoreError('ERR_POP_REPLAY_UNAVAILABLE', { cause: new Error('x') })),
}

describe('a replay store', () => {
  test.each(Object.entries(outages))(
    '%s is asked twice a second only, and requests are 503 meanwhile',
    { tags: ['rule-outage-fails-fast', 'answer-store-down'] },
    async (_, bad) => {
      const claim = vi.fn<ReplayStore['claim']>(bad)
      const call = createApi({ claim })
      const events = collectEvents<OutageEvent>('oauth-pop:outage')
      for (let time = 0; time < 5; time += 1) {
        expect(await call()).toMatchObject(unavailable)
        elapsed += 25
      }
      for (let time = 0; time < 40; time += 1) {
        expect(await call()).toMatchObject(unavailable)
        elapsed += 25
      }
      expect(claim).toHaveBeenCalledTimes(7)
      claim.mockImplementation(async () => true)
      elapsed += 500
      expect([await call(), await call()]).toEqual([200, 200])
      expect(events.map(({ dependency, state }) => `${dependency} ${state}`)).toEqual([
        'replay store began',
        'replay store ended',
      ])
    },
  )

  test.each(['FULL', 'OWNER_FULL', 'TOO_OLD'] as const)(
    'that is %s for one client goes on to answer for others',
    { tags: ['rule-outage-fails-fast'] },
    async (what) => {
      const code = `ERR_POP_REPLAY_${what}` as const
      const claim = vi.fn<ReplayStore['claim']>(() => Promise.reject(new ReplayStoreError(code)))
      const call = createApi({ claim })
      for (let time = 0; time < 20; time += 1) {
        expect(await call()).toMatchObject({ status: 503, code })
        elapsed += 25
      }
      claim.mockImplementation(async () => true)
      expect(await call()).toBe(200)
    },
  )

  test(
    'whose outage one verifier has noticed is left alone by the others too',
    { tags: ['rule-outage-fails-fast'] },
    async () => {
      const claim = vi.fn<ReplayStore['claim']>(() => Promise.reject(new Error('x')))
      const store = { claim }
      const [call, other] = [createApi(store), createApi(store)]
      for (let time = 0; time < 5; time += 1) {
        await call()
        elapsed += 25
      }
      expect(await other()).toMatchObject(unavailable)
      expect(claim).toHaveBeenCalledTimes(5)
    },
  )

  test.each([
    ['undefined', async () => undefined, 'claim gave a value of type undefined'],
    ['text', async () => 'OK', 'claim gave a value of type string'],
    ['an error', () => Promise.reject(new Error('ECONNREFUSED')), 'ECONNREFUSED'],
    ['silence', () => new Promise(() => {}), 'no answer within 250 ms'],
  ])(
    'that answers with %s: the event says so',
    { tags: ['attack-146', 'rule-replay-literal-answer'] },
    async (_, claim, reason) => {
      const events = collectEvents<RefusedEvent>('oauth-pop:refused')
      await createApi({ claim } as ReplayStore)()
      expect(events).toMatchObject([
        { cause: { message: expect.stringContaining(reason) as string } },
      ])
    },
  )

  test(
    'whose answer has arrived while the event loop was blocked has answered in time',
    { tags: ['rule-deadline-after-block'] },
    async () => {
      const call = createApi({
        async claim() {
          // After this phase of the loop come the timers, and only then what has arrived.
          await setImmediate()
          const answered = stat(import.meta.filename)
          const blockedUntil = Date.now() + 400
          while (Date.now() < blockedUntil);
          await answered
          return true
        },
      })
      expect(await call()).toBe(200)
    },
  )
})
