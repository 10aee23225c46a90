import { PopError } from '../errors.ts'

/** The value of `q` and `h`: the covered names and a string that depends on them. */
export interface SignedList {
  readonly names: readonly string[]
  readonly value: string
}

const mostNames = 256

/** Reads `[[names], "hash"]` (draft-ietf-oauth-signed-http-request section 3.1, 3.2). */
export function readSignedList(member: string, claim: unknown): SignedList {
  const [names, value, ...rest]: unknown[] = Array.isArray(claim) ? (claim as unknown[]) : []
  const wellFormed =
    Array.isArray(names) &&
    names.length <= mostNames &&
    names.every((name) => typeof name === 'string') &&
    typeof value === 'string' &&
    rest.length === 0
  if (!wellFormed) {
    const expected = `[[names], "hash"] of ${mostNames} names at most`
    throw new PopError('ERR_POP_PROOF_MEMBER_INVALID', { member, expected })
  }
  return { names, value }
}
