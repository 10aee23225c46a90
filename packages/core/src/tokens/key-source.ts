import { publishOutage, type OutageEvent } from '../events.ts'
import type { KeySet } from './key-set.ts'

export interface KeySource {
  /** The keys that count now. Rejects when there are none to judge by. */
  current(): Promise<KeySet>
  /** The keys after a look for new ones, as far as that is allowed now; for a key that is unknown. */
  renewed(): Promise<KeySet>
}

/** A set that never changes. */
export function fixedKeys(set: KeySet): KeySource {
  return { current: async () => set, renewed: async () => set }
}

/** Waits with whoever else does; false, at once, when too many wait already. */
export type WaitingRoom = (flight: Promise<void>) => Promise<boolean>

/** What waits holds its request in memory, at most 16 KiB of credential each. */
const mostWaiting = 1000

/** Room for so many requests to wait for keys. */
export function createWaitingRoom(): WaitingRoom {
  let waiting = 0
  return async function waitFor(flight) {
    if (waiting >= mostWaiting) return false
    waiting += 1
    try {
      await flight
    } finally {
      waiting -= 1
    }
    return true
  }
}

const seconds = 1000
/** How long a set is used without asking again, so that a removed key is refused soon after. */
const freshFor = 600 * seconds
/** How much longer the last good set serves while the source is down. */
const staleFor = 3600 * seconds
/** How often an unknown key may lead to a look at the source. */
const coolDown = 30 * seconds
const shortestBackOff = 1 * seconds
const longestBackOff = 30 * seconds

/**
 * Keys that are fetched when they are needed. One request at a time; 1,000 wait for it, and beyond
 * that the last good set serves, or there is none. After a failure the next request comes 1 second
 * later, then 2, 4, up to 30. A set that cannot be had or has no usable key never replaces a good one.
 * Ages are measured with a clock that only goes forward.
 *
 * @param waitFor shared by the sources that count together
 * @param name for events of outages (`oauth-pop:outage`); none of a source that a stranger can make up
 */
export function fetchedKeys(
  load: () => Promise<KeySet>,
  waitFor = createWaitingRoom(),
  name?: string,
): KeySource {
  let good: { readonly set: KeySet; readonly at: number } | undefined
  let flight: Promise<void> | undefined
  let failure: { readonly error: Error; readonly count: number } | undefined
  let askedAt = -Infinity

  const age = (): number => (good === undefined ? Infinity : performance.now() - good.at)
  const sinceAsked = (): number => performance.now() - askedAt

  function publish(change: Omit<OutageEvent, 'dependency'>): void {
    if (name !== undefined) publishOutage({ dependency: name, ...change })
  }

  async function ask(): Promise<void> {
    askedAt = performance.now()
    try {
      const set = await load()
      const isSame = set.content === good?.set.content
      good = { set: isSame && good !== undefined ? good.set : set, at: performance.now() }
      if (failure !== undefined) publish({ state: 'ended' })
      failure = undefined
    } catch (error) {
      if (failure === undefined) publish({ state: 'began', cause: error as Error })
      failure = { error: error as Error, count: (failure?.count ?? 0) + 1 }
    } finally {
      flight = undefined
    }
  }

  /** Asks the source unless it was asked too recently; joins whoever is asking, if there is room. */
  async function askUnless(tooRecent: number): Promise<boolean> {
    if (flight === undefined && sinceAsked() < tooRecent) return true
    flight ??= ask()
    return waitFor(flight)
  }

  function backOff(): number {
    if (failure === undefined) return 0
    return Math.min(longestBackOff, shortestBackOff * 2 ** (failure.count - 1))
  }

  function usable(waited: boolean): KeySet {
    if (good !== undefined && age() < freshFor + staleFor) return good.set
    if (!waited) throw tooMany()
    throw failure?.error ?? new Error('the key set has not been fetched')
  }

  return {
    async current() {
      return usable(age() < freshFor || (await askUnless(backOff())))
    },
    async renewed() {
      const waited = await askUnless(coolDown)
      if (!waited) throw tooMany()
      // While the source is down nobody can say that a key does not exist.
      if (failure !== undefined) throw failure.error
      return usable(waited)
    },
  }
}

function tooMany(): Error {
  return new Error(`${mostWaiting} requests are waiting for the key set already`)
}
