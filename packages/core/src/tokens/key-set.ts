import { createPublicKey, type KeyObject } from 'node:crypto'
import type { AlgorithmName } from '../jws/algorithms.ts'
import { isPlainObject } from '../jws/strict-json.ts'
import { judgePublicKey, publicMembers, type Jwk, type KeyFault } from '../keys/jwk.ts'

/** A key of a set that cannot verify a token, and why. */
interface LeftOutKey {
  /** Its `kid`; `none` without one. */
  readonly kid: string
  readonly reason: KeyFault | 'form'
}

/** The public keys of one issuer, at one time. A set with other keys is another object. */
export interface KeySet {
  /** Those that can verify a token. */
  readonly keys: readonly Jwk[]
  /** Private and symmetric keys, keys for encryption and keys that fail hygiene. */
  readonly leftOut: readonly LeftOutKey[]
  /**
   * The keys that a signature may be of: of the algorithm's type and, where the token names one, of
   * this `kid`. Equal keys count once.
   */
  readonly find: (algorithm: AlgorithmName, kid: unknown) => readonly KeyObject[]
  /** Equal for equal keys. */
  readonly content: string
}

/** Reads a JWK set (RFC 7517 section 5); undefined when it has not the shape of one. */
export function readKeySet(
  value: unknown,
  algorithms: readonly AlgorithmName[],
): KeySet | undefined {
  if (!isPlainObject(value) || !Array.isArray(value['keys'])) return undefined
  const usable: { readonly jwk: Jwk; readonly key: KeyObject }[] = []
  const leftOut: LeftOutKey[] = []
  for (const member of structuredClone(value['keys']) as unknown[]) {
    const key = isPlainObject(member) ? readKey(member, algorithms) : 'form'
    if (typeof key === 'object') usable.push({ jwk: member as Jwk, key })
    else leftOut.push({ kid: kidOf(member), reason: key })
  }
  const keys = usable.map(({ jwk }) => jwk)
  return {
    keys,
    leftOut,
    content: JSON.stringify([leftOut.length, keys]),
    find(algorithm, kid) {
      const found = new Map<string, KeyObject>()
      for (const { jwk, key } of usable) {
        if (kid !== undefined && jwk['kid'] !== kid) continue
        const members = publicMembers(jwk, algorithm)
        if (typeof members === 'object') found.set(JSON.stringify(members), key)
      }
      return [...found.values()]
    },
  }
}

/** For logs: `1, 2; left out 3 (size), none (use)`. */
export function describeKeys({ keys, leftOut }: KeySet): string {
  const used = keys.map(kidOf).join(', ')
  const others = leftOut.map(({ kid, reason }) => `${kid} (${reason})`).join(', ')
  const parts = [used, others && `left out ${others}`].filter((part) => part !== '')
  return parts.join('; ') || 'no key'
}

function kidOf(key: unknown): string {
  const kid = isPlainObject(key) ? key['kid'] : undefined
  return typeof kid === 'string' ? kid.slice(0, 64) : 'none'
}

/** The key, if it serves for one of the algorithms at least; else the most telling reason. */
function readKey(jwk: Jwk, algorithms: readonly AlgorithmName[]): KeyObject | KeyFault {
  const faults: KeyFault[] = []
  for (const algorithm of algorithms) {
    const members = publicMembers(jwk, algorithm)
    const key = typeof members === 'object' ? importPublic(members) : members
    if (typeof key === 'object') return key
    faults.push(key)
  }
  const general: readonly KeyFault[] = ['type', 'curve', 'alg']
  const telling = faults.find((fault) => !general.includes(fault))
  return telling ?? general.findLast((fault) => faults.includes(fault)) ?? 'type'
}

function importPublic(members: Jwk): KeyObject | KeyFault {
  const fault = judgePublicKey(members)
  if (fault !== undefined) return fault
  try {
    return createPublicKey({ key: members, format: 'jwk' })
  } catch {
    return 'point'
  }
}
