/** The access tokens that were good a short while ago, by their hashes. */
export interface RecentTokens {
  has(sha256: Uint8Array): boolean
  add(sha256: Uint8Array): void
  remove(sha256: Uint8Array): void
}

/**
 * Bounded: full, it forgets the one that was seen good longest ago. Only a good token gets in, so
 * that no made-up one can push another out. It says who is asked about first, and nothing else.
 *
 * @param milliseconds how long a token counts as recent
 */
export function createRecentTokens(maxEntries: number, milliseconds: number): RecentTokens {
  const seen = new Map<string, number>()
  return {
    has(sha256) {
      const at = seen.get(nameOf(sha256))
      return at !== undefined && performance.now() - at < milliseconds
    },
    add(sha256) {
      const name = nameOf(sha256)
      seen.delete(name)
      seen.set(name, performance.now())
      if (seen.size > maxEntries) seen.delete(seen.keys().next().value as string)
    },
    remove(sha256) {
      seen.delete(nameOf(sha256))
    },
  }
}

/** The hash as the name of an entry: one character for each byte. */
export function nameOf(sha256: Uint8Array): string {
  return Buffer.from(sha256).toString('latin1')
}
