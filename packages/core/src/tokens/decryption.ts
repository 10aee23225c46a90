import { compactDecrypt, decodeProtectedHeader, importJWK, type JWK } from 'jose'
import type { Jwk } from '../keys/jwk.ts'

/** Decrypts a compact JWE with whichever key fits; undefined when none does. */
export type Decrypt = (jwe: string) => Promise<Uint8Array | undefined>

/**
 * Decryption with the given private or symmetric keys (RFC 7516). A key that names a `kid` or an `alg`
 * is tried only for those, and one whose `use` is not `enc` for nothing. Compressed content and password-based encryption are refused.
 */
export function createDecrypt(keys: readonly Jwk[]): Decrypt {
  return async function decrypt(jwe) {
    const header = readHeader(jwe)
    if (header === undefined || header.zip !== undefined || header.alg === undefined)
      return undefined
    const { alg, kid } = header
    for (const key of keys.filter((own) => fits(own, alg, kid))) {
      const plaintext = await tryKey(jwe, key, alg)
      if (plaintext !== undefined) return plaintext
    }
    return undefined
  }
}

function fits({ kid, alg, use = 'enc' }: Jwk, wantedAlg: string, wantedKid?: string): boolean {
  if (use !== 'enc' || (alg ?? wantedAlg) !== wantedAlg) return false
  return wantedKid === undefined || (kid ?? wantedKid) === wantedKid
}

function readHeader(jwe: string): { alg?: string; kid?: string; zip?: unknown } | undefined {
  if (jwe.split('.', 6).length !== 5) return undefined
  try {
    return decodeProtectedHeader(jwe)
  } catch {
    return undefined
  }
}

async function tryKey(jwe: string, key: Jwk, alg: string): Promise<Uint8Array | undefined> {
  try {
    const { plaintext } = await compactDecrypt(jwe, await importJWK(key as JWK, alg))
    return plaintext
  } catch {
    // A wrong key, a damaged JWE and a key of another kind must look alike.
    return undefined
  }
}
