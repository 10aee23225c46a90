import { publishOutage } from './events.ts'

/** Fails fast while a dependency is down. */
export interface Breaker {
  /**
   * Call before each use of the dependency, and what it gives back with the outcome.
   *
   * @throws Error when the dependency is down and it is not yet time to try it again
   */
  readonly start: () => (failure?: Error) => void
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

  function failed(failure: Error): void {
    failedAt = performance.now()
    failures += 1
    failingSince = Math.min(failingSince, failedAt)
    if (open || failures < failuresInARow || failedAt - failingSince < shortestOutage) return
    open = true
    // The first probe comes a while after the failure, too.
    probedAt = failedAt
    publishOutage({ dependency, state: 'began', cause: failure })
  }

  function succeeded(): void {
    failures = 0
    failingSince = Infinity
    if (!open) return
    open = false
    publishOutage({ dependency, state: 'ended' })
  }

  return {
    start() {
      const startedAt = performance.now()
      if (open) {
        if (startedAt - probedAt < probeEvery) {
          throw new Error(`${dependency} is down: it is tried every ${probeEvery} ms`)
        }
        probedAt = startedAt
      }
      return function ended(failure) {
        if (failure !== undefined) failed(failure)
        else if (startedAt >= failedAt) succeeded()
      }
    },
  }
}
