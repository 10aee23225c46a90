import { createSecretKey, type KeyObject } from 'node:crypto'
import { sha256 } from '../hash.ts'
import { algorithmOf, type AlgorithmName } from '../jws/algorithms.ts'
import { decodeBase64Url } from '../jws/compact.ts'
import { isSmallOrder } from './ed25519.ts'
import { isRoca } from './roca.ts'

/** A JSON Web Key (RFC 7517), unchecked. */
export type Jwk = Readonly<Record<string, unknown>>

/** A key that has passed hygiene and can verify signatures of its algorithm family. */
export interface VerificationKey {
  readonly keyObject: KeyObject
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string
  /** Symmetric keys verify HS* and have no public thumbprint. */
  readonly symmetric: boolean
}

/** Why a key is refused: for evidence, never for the wire. */
export type KeyFault =
  | 'type'
  | 'curve'
  | 'encoding'
  | 'private'
  | 'size'
  | 'exponent'
  | 'factors'
  | 'order'
  | 'use'
  | 'key_ops'
  | 'alg'
  | 'point'

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const
const smallestRsaBits = 2048
const largestRsaBits = 4096
const coordinateBytes = { 'P-256': 32, 'P-384': 48, 'P-521': 66 } as const

/**
 * The members that make a public key (RFC 7638 section 3.2), in lexicographic order, or why the key
 * is refused: its type or curve is not the algorithm's, it has a private or symmetric member, or
 * `use`, `key_ops` or `alg` (RFC 7517 section 4) contradict the use. Their values are not judged
 * here; see `judgePublicKey`.
 */
export function publicMembers(jwk: Jwk, algorithm: AlgorithmName): Jwk | KeyFault {
  const { kty, crv } = algorithmOf(algorithm)
  if (jwk['kty'] !== kty || kty === 'oct') return 'type'
  if (crv !== undefined && jwk['crv'] !== crv) return 'curve'
  if (privateMembers.some((member) => Object.hasOwn(jwk, member))) return 'private'
  const fault = judgePurpose(jwk, algorithm)
  if (fault !== undefined) return fault
  if (kty === 'RSA') return { e: jwk['e'], kty, n: jwk['n'] }
  return kty === 'EC' ? { crv, kty, x: jwk['x'], y: jwk['y'] } : { crv, kty, x: jwk['x'] }
}

/**
 * Judges the values of a public key that came from outside, before any cryptography touches them:
 * canonical coordinates of the right length, RSA of 2048 to 4096 bits with an odd exponent from
 * 65537 up to 32 bits and no factors that can be found (ROCA), no small-order Ed25519 point. Whether
 * an EC point lies on its curve shows when the key is imported.
 */
export function judgePublicKey(members: Jwk): KeyFault | undefined {
  if (members['kty'] === 'RSA') return judgeRsa(members)
  return members['kty'] === 'EC' ? judgeEc(members) : judgeOkp(members)
}

function judgePurpose(jwk: Jwk, algorithm: AlgorithmName): KeyFault | undefined {
  const { use, key_ops: operations, alg } = jwk
  if (use !== undefined && use !== 'sig') return 'use'
  if (operations !== undefined) {
    if (!Array.isArray(operations) || !operations.includes('verify')) return 'key_ops'
  }
  if (alg !== undefined && alg !== algorithm && !isBothEd25519(alg, algorithm)) return 'alg'
  return undefined
}

/** RFC 9864: `Ed25519` is the fully specified name of what `EdDSA` means with this curve. */
function isBothEd25519(alg: unknown, algorithm: AlgorithmName): boolean {
  return alg === 'EdDSA' ? algorithm === 'Ed25519' : alg === 'Ed25519' && algorithm === 'EdDSA'
}

function judgeRsa(jwk: Jwk): KeyFault | undefined {
  const modulus = readInteger(jwk['n'])
  const exponent = readInteger(jwk['e'])
  if (modulus === undefined || exponent === undefined) return 'encoding'
  const bits = bitLength(modulus)
  if (bits < smallestRsaBits || bits > largestRsaBits || !isOdd(modulus)) return 'size'
  if (exponent.length > 4 || exponent.readUIntBE(0, exponent.length) < 65_537) return 'exponent'
  if (!isOdd(exponent)) return 'exponent'
  return isRoca(modulus) ? 'factors' : undefined
}

function judgeEc({ crv, x, y }: Jwk): KeyFault | undefined {
  const size = coordinateBytes[crv as keyof typeof coordinateBytes]
  return readBytes(x)?.length === size && readBytes(y)?.length === size ? undefined : 'encoding'
}

function judgeOkp({ x }: Jwk): KeyFault | undefined {
  const point = readBytes(x)
  if (point?.length !== 32) return 'encoding'
  return isSmallOrder(point) ? 'order' : undefined
}

function readBytes(value: unknown): Buffer | undefined {
  return typeof value === 'string' ? decodeBase64Url(value) : undefined
}

/** Base64urlUInt (RFC 7518 section 2): no leading zero byte. */
function readInteger(value: unknown): Buffer | undefined {
  const bytes = readBytes(value)
  return bytes?.[0] === 0 ? undefined : bytes
}

function bitLength(integer: Buffer): number {
  return integer.length * 8 - (Math.clz32(integer[0] ?? 0) - 24)
}

function isOdd(integer: Buffer): boolean {
  return ((integer.at(-1) ?? 0) & 1) === 1
}

/**
 * Imports a symmetric key that came to us in confidence. Its secret has at least as many bytes as
 * the hash of the algorithm (RFC 7518 section 3.2).
 */
export function importSecretJwk(jwk: Jwk, algorithm: AlgorithmName): VerificationKey | KeyFault {
  const { kty, hash } = algorithmOf(algorithm)
  if (kty !== 'oct' || jwk['kty'] !== 'oct') return 'type'
  const fault = judgePurpose(jwk, algorithm)
  if (fault !== undefined) return fault
  const secret = readBytes(jwk['k'])
  if (secret === undefined) return 'encoding'
  if (secret.length * 8 < Number(hash?.slice(3))) return 'size'
  const thumbprint = sha256(JSON.stringify({ k: jwk['k'], kty: 'oct' }))
  return { keyObject: createSecretKey(secret), thumbprint, symmetric: true }
}
