import { asError } from '../errors.ts'
import { innermostOf } from '../fault.ts'

/** One use of one proof. */
export interface ReplayEntry {
  /** Identifies the proof: 43 characters of base64url, a hash. */
  readonly id: string
  /** Identifies the user or client of the token, else the key, for quotas: 43 characters of base64url, a hash. */
  readonly owner: string
  /**
   * No use of the proof was before this: its own time, or that of its server nonce where that is
   * later. Whole seconds since the epoch.
   */
  readonly issuedAt: number
  /** The last second at which the proof is acceptable; the entry must live through it. */
  readonly expiresAt: number
}

/** Remembers proofs that were used. */
export interface ReplayStore {
  /**
   * Atomically records a use. Resolves to `true` for the first use and `false` for a replay;
   * anything else, a rejection, or no answer within 250 ms makes the request fail with 503.
   * Called once per request, last, for proofs that passed every other check. Never drop an entry
   * before `expiresAt` has passed: refuse instead, with `ReplayStoreError`.
   */
  claim(entry: ReplayEntry): Promise<boolean>
}

/** Why a store cannot say whether a proof was used. Always answered with 503. */
export class ReplayStoreError extends Error {
  readonly code:
    | 'ERR_POP_REPLAY_UNAVAILABLE'
    | 'ERR_POP_REPLAY_FULL'
    | 'ERR_POP_REPLAY_OWNER_FULL'
    | 'ERR_POP_REPLAY_TOO_OLD'

  /** After how many seconds a newly signed request has a chance; for `Retry-After`, else 1. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: ReplayStoreError['code'],
    options: ErrorOptions & { readonly retryAfterSeconds?: number } = {},
  ) {
    const { retryAfterSeconds, ...rest } = options
    const wait = retryAfterSeconds === undefined ? '' : `, for ${retryAfterSeconds} s`
    const reason = rest.cause === undefined ? '' : `: ${innermostOf(rest.cause).message}`
    super(`the replay store cannot claim a proof (${code}${wait})${reason}`, rest)
    this.name = 'ReplayStoreError'
    this.code = code
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** What a store or its server threw, as the refusal of one that cannot say. */
export function asStoreError(error: unknown): ReplayStoreError {
  if (error instanceof ReplayStoreError) return error
  return new ReplayStoreError('ERR_POP_REPLAY_UNAVAILABLE', { cause: asError(error) })
}
