import { createPublicKey, type KeyObject } from 'node:crypto'
import { sha256 } from '../hash.ts'
import type { AlgorithmName } from '../jws/algorithms.ts'
import {
  judgePublicKey,
  publicMembers,
  type Jwk,
  type KeyFault,
  type VerificationKey,
} from './jwk.ts'

/** Reads public keys and remembers the imported ones: importing one costs as much as verifying with it. */
export interface KeyCache {
  /** The key, after hygiene (`jwk.ts`), or why it is refused. */
  read(jwk: Jwk, algorithm: AlgorithmName): PublicKey | KeyFault
}

/** A public key that has passed hygiene. */
export interface PublicKey {
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string
  /** Imports the key; undefined when its point is not on the curve. */
  import(): VerificationKey | undefined
}

/**
 * Bounded, and positive only: purpose and type are judged on every request; the values of a key are
 * judged once, for its canonical form is the name of its entry. Full, it drops the oldest entry,
 * which costs time and nothing else.
 */
export function createKeyCache(maxEntries = 5000): KeyCache {
  const imported = new Map<string, VerificationKey>()

  function remember(canonical: string, key: VerificationKey): VerificationKey {
    if (imported.size >= maxEntries) imported.delete(imported.keys().next().value as string)
    imported.set(canonical, key)
    return key
  }

  return {
    read(jwk, algorithm) {
      const members = publicMembers(jwk, algorithm)
      if (typeof members === 'string') return members
      const canonical = JSON.stringify(members)
      const known = imported.get(canonical)
      if (known !== undefined) return { thumbprint: known.thumbprint, import: () => known }
      const fault = judgePublicKey(members)
      if (fault !== undefined) return fault
      const thumbprint = sha256(canonical)
      return {
        thumbprint,
        import() {
          const keyObject = importKey(members)
          if (keyObject === undefined) return undefined
          return remember(canonical, { keyObject, thumbprint, symmetric: false })
        },
      }
    },
  }
}

function importKey(members: Jwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: members, format: 'jwk' })
  } catch {
    return undefined
  }
}
