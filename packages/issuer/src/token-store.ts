/** What is kept of an access token: what introspection answers, or that it is revoked. Never a private key. */
export interface TokenRecord {
  readonly claims: Readonly<Record<string, unknown>>
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/**
 * Where opaque tokens and the revocations of JWTs are kept, by a SHA-256 in lower-case hex. A store that
 * forgets before `expiresAt` makes opaque tokens inactive, and revoked JWTs active again.
 */
export interface TokenStore {
  /** Writes a record, or with undefined removes it. */
  put(sha256: string, record: TokenRecord | undefined): Promise<void>
  /** Reads a record; undefined or null where there is none. Expired ones may be gone. */
  get(sha256: string): Promise<TokenRecord | null | undefined>
}

/**
 * Keeps tokens in this process, and forgets the expired ones as new ones come. For trials: with the
 * process it forgets its revocations too.
 *
 * @param now the clock, in milliseconds; default `Date.now`
 */
export function memoryTokenStore(now: () => number = Date.now): TokenStore {
  const records = new Map<string, TokenRecord>()
  let nextSweep = 0

  function sweep(seconds: number): void {
    if (seconds < nextSweep) return
    nextSweep = seconds + 60
    for (const [hash, record] of records) if (record.expiresAt <= seconds) records.delete(hash)
  }

  return {
    async put(sha256, record) {
      sweep(Math.floor(now() / 1000))
      if (record === undefined) records.delete(sha256)
      else records.set(sha256, record)
    },
    async get(sha256) {
      return records.get(sha256)
    },
  }
}
