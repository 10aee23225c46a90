import { readChallenge } from './challenge.ts'

/** The clock of one server, for the time of one request. */
export interface ServerClock {
  /** Milliseconds since 1970, as far as we know what the server thinks. */
  readonly now: () => number
  /**
   * Learns from a refusal for time: true when the next proof will be dated otherwise, which is once at
   * most. A server that refuses that one, too, is forgotten.
   */
  learn(response: Response): boolean
}

/** More than any time zone that was set wrong; whoever answers could else ask for proofs of any day. */
const farthest = 86_400_000
const mostServers = 100

/** The sentences of our verifier (`error_description`), and which way our clock is wrong then. */
const timeRefusals: Readonly<Record<string, 1 | -1>> = {
  'The proof is too old': 1,
  'The proof is dated in the future': -1,
}

/**
 * The clocks of servers by their origin, learned from `Date` (RFC 9110 section 6.6.1) of refusals.
 *
 * @param now our own clock, in milliseconds
 * @param scheme in lower case
 */
export function createServerClocks(
  now: () => number,
  scheme: string,
): (url: string) => ServerClock {
  const offsets = new Map<string, number>()

  return function clockOf(url) {
    const { origin } = new URL(url)
    let isCorrected = false
    // What the last proof of this request was dated by; another one may have learned since.
    let used = 0
    return {
      now() {
        used = offsets.get(origin) ?? 0
        return now() + used
      },
      learn(response) {
        const direction = directionOf(response, scheme)
        if (direction === undefined) return false
        const offset = Date.parse(response.headers.get('date') ?? '') - now()
        const isPlausible = (offset - used) * direction > 0 && Math.abs(offset) <= farthest
        if (isCorrected || !isPlausible) {
          offsets.delete(origin)
          return false
        }
        isCorrected = true
        if (offsets.size >= mostServers) offsets.clear()
        offsets.set(origin, offset)
        return true
      },
    }
  }
}

function directionOf(response: Response, scheme: string): 1 | -1 | undefined {
  if (response.status !== 401) return undefined
  const description = readChallenge(response, scheme).get('error_description') ?? ''
  return Object.hasOwn(timeRefusals, description) ? timeRefusals[description] : undefined
}
