/** Keeps a server that asked for a pause (429) from being asked too much. */
export interface Pace {
  /**
   * Call before each question, and what it gives back with the answer.
   *
   * @throws Error when the question must not be asked now
   */
  readonly start: () => (response: Response) => void
}

const longestPause = 30_000
const shortestPause = 1000

/**
 * After a 429 only a trickle of questions passes: one in `probeEvery` milliseconds, until one of them
 * is answered with anything but 429, or for as long as the server says (`Retry-After` in seconds, RFC
 * 9110 section 10.2.3; 1 second without it), at most 30 seconds.
 */
export function createPace(server: string, probeEvery: number): Pace {
  let pausedUntil = -Infinity
  let refusedAt = -Infinity
  let probedAt = -Infinity

  return {
    start() {
      const startedAt = performance.now()
      if (startedAt < pausedUntil) {
        if (startedAt - probedAt < probeEvery) {
          throw new Error(`${server} asked for a pause (429)`)
        }
        probedAt = startedAt
      }
      return function heard(response) {
        if (response.status === 429) {
          refusedAt = performance.now()
          // The first probe comes a while after the refusal, too.
          if (refusedAt >= pausedUntil) probedAt = refusedAt
          pausedUntil = refusedAt + pauseOf(response)
        }
        // What was asked before the refusal says nothing about the time after it.
        else if (startedAt > refusedAt) pausedUntil = -Infinity
      }
    },
  }
}

function pauseOf(response: Response): number {
  const named = Number(response.headers.get('retry-after') ?? 1) * 1000
  const pause = Number.isFinite(named) ? named : shortestPause
  return Math.min(longestPause, Math.max(shortestPause, pause))
}
