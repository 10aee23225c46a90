import { asError } from './errors.ts'
import { publishOutage } from './events.ts'

/** Fails fast while a dependency is down. */
export interface Breaker {
  /**
   * Call before each use of the dependency, and one of the others after it.
   *
   * @returns when the use began
   * @throws Error while the dependency is down, unless it is time to try it
   */
  readonly start: () => number
  /** The dependency answered the use that began then. */
  readonly answered: (startedAt: number) => void
  /** The dependency did not answer, and why. */
  readonly failed: (error: unknown) => void
}

const failuresInARow = 5
/** One broken connection fails everything that is under way on it, and the next one works. */
const shortestOutage = 100
const probeEvery = 500

/**
 * Five failures in a row, over 100 ms at least, are an outage. From then on one use in 500 ms is let
 * through, and the first that succeeds ends the outage. Both are events (`oauth-pop:outage`). Uses
 * that began before a failure say nothing about the time after it.
 *
 * Not a library: those make each use a chain of promises, and this is on the way of every request.
 *
 * @param dependency its name, for the events
 */
export function createBreaker(dependency: string): Breaker {
  let failures = 0
  let failingSince = Infinity
  let failedAt = -Infinity
  let open = false
  let probedAt = -Infinity

  return {
    start() {
      const startedAt = performance.now()
      if (!open) return startedAt
      if (startedAt - probedAt < probeEvery) {
        throw new Error(`${dependency} is down: it is tried every ${probeEvery} ms`)
      }
      probedAt = startedAt
      return startedAt
    },
    answered(startedAt) {
      if (startedAt < failedAt) return
      failures = 0
      failingSince = Infinity
      if (!open) return
      open = false
      publishOutage({ dependency, state: 'ended' })
    },
    failed(error) {
      failedAt = performance.now()
      failures += 1
      failingSince = Math.min(failingSince, failedAt)
      if (open || failures < failuresInARow || failedAt - failingSince < shortestOutage) return
      open = true
      // The first probe comes a while after the failure, too.
      probedAt = failedAt
      publishOutage({ dependency, state: 'began', cause: asError(error) })
    },
  }
}
