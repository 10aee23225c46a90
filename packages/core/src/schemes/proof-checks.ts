import { PopError } from '../errors.ts'
import type { AlgorithmName } from '../jws/algorithms.ts'
import type { Exchange } from './scheme.ts'

/** Refuses headers that change what the other members mean (RFC 7515 section 4.1.11, RFC 7797). */
export function refuseExtensions(header: Readonly<Record<string, unknown>>): void {
  const found = ['crit', 'b64'].find((member) => Object.hasOwn(header, member))
  if (found !== undefined) throw new PopError('ERR_POP_PROOF_MALFORMED', { member: found })
}

/** The algorithm of the proof, if it is one of the accepted ones. */
export function readAlgorithm(alg: unknown, accepted: readonly AlgorithmName[]): AlgorithmName {
  const found = accepted.find((name) => name === alg)
  if (found !== undefined) return found
  throw new PopError('ERR_POP_PROOF_ALGORITHM', { member: 'alg', expected: accepted, actual: alg })
}

/** In time iff `now - maxAge <= t <= now + maxAhead`, both ends inclusive, `now` in whole seconds. */
export function checkTime(
  member: string,
  time: number,
  nonce: { readonly value: string | undefined; readonly purpose: string },
  exchange: Exchange,
): void {
  if (isTimedByNonce(nonce, exchange)) return
  const oldest = exchange.now - exchange.maxAgeSeconds
  const newest = exchange.now + exchange.maxAheadSeconds
  if (time < oldest) {
    throw new PopError('ERR_POP_PROOF_EXPIRED', {
      member,
      expected: `at least ${oldest}`,
      actual: time,
    })
  }
  if (time > newest) {
    throw new PopError('ERR_POP_PROOF_NOT_YET_VALID', {
      member,
      expected: `at most ${newest}`,
      actual: time,
    })
  }
}

/** RFC 9449 section 4.3 step 11: a nonce whose time the server knows may stand for the proof's. */
function isTimedByNonce(
  { value, purpose }: Parameters<typeof checkTime>[2],
  { nonces }: Exchange,
): boolean {
  if (nonces?.time !== true || value === undefined) return false
  return nonces.judge(value, purpose).window !== undefined
}

/** A non-negative whole number of seconds. */
export function isTimestamp(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** RFC 7519 section 2: seconds since the epoch, fractions included. */
export function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

/** A string of 1 to `longest` UTF-16 units without lone surrogates, which would hash alike. */
export function isIdentifier(value: unknown, longest: number): value is string {
  return (
    typeof value === 'string' && value !== '' && value.length <= longest && value.isWellFormed()
  )
}

/** A nonce of this server, after every other comparison: a failed proof learns nothing. */
export function checkNonce(nonce: string | undefined, purpose: string, exchange: Exchange): void {
  const { nonces } = exchange
  if (nonces === undefined) return
  if (nonce === undefined) {
    if (nonces.required) throw new PopError('ERR_POP_NONCE_MISSING', { member: 'nonce' })
    return
  }
  const { verdict } = nonces.judge(nonce, purpose)
  if (verdict === 'current' || verdict === 'ageing') return
  if (verdict === 'foreign' && !nonces.required) return
  throw new PopError('ERR_POP_NONCE_INVALID', { member: 'nonce' })
}

export function missing(member: string, expected?: string): PopError {
  return new PopError('ERR_POP_PROOF_MEMBER_MISSING', { member, ...(expected && { expected }) })
}

/** @param expected the form, for the evidence; the value itself may be a secret */
export function wrongForm(member: string, expected = 'text'): PopError {
  return new PopError('ERR_POP_PROOF_MEMBER_INVALID', { member, expected })
}

export const secondsForm = 'a number of seconds'
