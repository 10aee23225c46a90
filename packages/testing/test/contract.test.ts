import { setImmediate } from 'node:timers/promises'
import { memoryReplayStore, type ReplayEntry, type ReplayStore } from '@oauth-pop/core'
import {
  describeReplayStore,
  replayStoreContract,
  type CreateStore,
  type StoreUnderTest,
} from '@oauth-pop/testing'
import { describe, expect, test, vi } from 'vitest'

type Claim = ReplayStore['claim']

/** A store on a clock of its own, in which one thing is wrong. */
function broken(spoil: (claim: Claim, now: () => number) => Claim): CreateStore {
  return (limits): StoreUnderTest => {
    let time = 1_790_000_000_000
    const now = (): number => time
    const make = (): ReplayStore => memoryReplayStore({ ...limits, now })
    let good = make()
    const store = { claim: spoil((entry) => good.claim(entry), now) }
    return {
      store,
      now,
      pass: (seconds) => void (time += seconds * 1000),
      sibling: () => store,
      forget: () => void (good = make()),
      stop: () => void (good = { claim: () => Promise.reject(new Error('gone')) }),
    }
  }
}

async function failuresOf(create: CreateStore): Promise<readonly string[]> {
  const failures: string[] = []
  for (const { title, limits, run } of replayStoreContract)
    await run(await create(limits ?? {})).catch(() => failures.push(title))
  return failures
}

function remembering(keyOf: (entry: ReplayEntry) => string, seconds = Infinity) {
  return (_: Claim, now: () => number): Claim => {
    const seen = new Map<string, number>()
    return async (entry) => {
      const key = keyOf(entry)
      const first = now() >= (seen.get(key) ?? -Infinity)
      if (first) seen.set(key, now() + seconds * 1000)
      return first
    }
  }
}

const faults: Readonly<Record<string, readonly [CreateStore, RegExp]>> = {
  'accepts everything': [broken(() => async () => true), /lets a proof through once/],
  'looks first and adds later': [
    broken(() => {
      const seen = new Set<string>()
      return async ({ id }) => {
        if (seen.has(id)) return false
        await setImmediate()
        seen.add(id)
        return true
      }
    }),
    /parallel uses through/,
  ],
  'forgets a second early': [broken(remembering(({ id }) => id, 3)), /in every second/],
  'names an entry by its time too': [
    broken(remembering(({ id, expiresAt }) => `${id}${expiresAt}`)),
    /signs it with another time/,
  ],
  'names an entry by its owner too': [
    broken(remembering(({ id, owner }) => `${id}${owner}`)),
    /whoever uses it/,
  ],
  'keeps a part of the identifier only': [
    broken(remembering(({ id }) => id.slice(0, 10))),
    /differ in one character/,
  ],
  'has no limit for an owner': [broken(remembering(({ id }) => id)), /full for one owner/],
  'does not know that it forgot': [
    broken((claim) => (entry) => claim({ ...entry, issuedAt: entry.issuedAt + 10 })),
    /lost everything/,
  ],
  'goes on without its server': [
    broken((claim) => (entry) => claim(entry).catch(() => true)),
    /server is gone/,
  ],
}

describe('the contract of replay stores', () => {
  test('holds for a good store', async () => {
    expect(await failuresOf(broken((claim) => claim))).toEqual([])
  })

  test.each(Object.entries(faults))('notices a store that %s', async (_, [create, title]) => {
    expect(await failuresOf(create)).toContainEqual(expect.stringMatching(title))
  })

  test('asks for an ability that is missing, unless it is left out', async () => {
    const run = vi.fn<(title: string, run: () => Promise<void>) => void>()
    const skip = vi.fn<(title: string, run: () => Promise<void>) => void>()
    const runner = {
      describe: (_: string, define: () => void) => define(),
      test: Object.assign(run, { skip }),
    }
    const create: CreateStore = () => ({
      store: memoryReplayStore(),
      now: Date.now,
      pass: () => {},
    })
    describeReplayStore('mine', create, { runner, leaveOut: ['sibling'] })
    expect(skip.mock.calls.map(([title]) => title)).toEqual([
      expect.stringContaining('(left out: sibling)') as string,
    ])
    const [, stopped] = run.mock.calls.find(([title]) => title.includes('server is gone')) ?? []
    await expect(stopped?.()).rejects.toThrow(
      "create gives no stop: give it, or write leaveOut: ['stop']",
    )
  })
})
