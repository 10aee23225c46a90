import { base64url } from 'jose'

/**
 * The clock as a proof writes it, in seconds since 1970.
 *
 * @throws TypeError
 */
export function readSeconds(now: () => number): number {
  const seconds = Math.floor(now() / 1000)
  if (Number.isSafeInteger(seconds) && seconds >= 0) return seconds
  throw new TypeError('now must give milliseconds since 1970')
}

/** 128 random bits: two proofs never share an identifier. */
export function randomId(): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(16)))
}

/**
 * The member `nonce`, when there is one.
 *
 * @throws TypeError
 */
export function nonceMember(nonce: unknown): { readonly nonce?: string } {
  if (nonce === undefined) return {}
  if (typeof nonce === 'string' && nonce !== '') return { nonce }
  throw new TypeError('nonce must be the text that the server gave')
}
