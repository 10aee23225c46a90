import { rememberByOrigin } from './by-origin.ts'

/** The clock of one server, for the time of one request. */
export interface ServerClock {
  /** Milliseconds since 1970, as far as we know what the server thinks. */
  readonly now: () => number
  /**
   * Learns from a refusal for time, which its description tells: true when the next proof will be
   * dated otherwise, which is once at most. A server that refuses that one, too, is forgotten.
   */
  learn(response: Response, description: string | undefined): boolean
}

/** More than any time zone that was set wrong; whoever answers could else ask for proofs of any day. */
const farthest = 86_400_000

/** The sentences of our verifier (`error_description`), and which way our clock is wrong then. */
const timeRefusals: ReadonlyMap<string, 1 | -1> = new Map([
  ['The proof is too old', 1],
  ['The proof is dated in the future', -1],
])

/**
 * The clocks of servers by their origin, learned from `Date` (RFC 9110 section 6.6.1) of refusals.
 *
 * @param now our own clock, in milliseconds
 */
export function createServerClocks(now: () => number): (url: string) => ServerClock {
  const offsets = rememberByOrigin<number>()

  return function clockOf(url) {
    let isCorrected = false
    // What the last proof of this request was dated by; another one may have learned since.
    let used = 0
    return {
      now() {
        used = offsets.get(url) ?? 0
        return now() + used
      },
      learn(response, description = '') {
        const direction = timeRefusals.get(description)
        if (direction === undefined) return false
        const offset = Date.parse(response.headers.get('date') ?? '') - now()
        const isPlausible = (offset - used) * direction > 0 && Math.abs(offset) <= farthest
        if (isCorrected || !isPlausible) {
          offsets.delete(url)
          return false
        }
        isCorrected = true
        offsets.set(url, offset)
        return true
      },
    }
  }
}
