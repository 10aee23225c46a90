import { createPublicKey, type KeyObject } from 'node:crypto'
import type { JWK } from 'jose'
import { IssuerError } from './errors.ts'
import { fitsAlgorithm } from './signature-algorithms.ts'

const publicMembers: Readonly<Record<string, readonly string[]>> = {
  RSA: ['e', 'n'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
}
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const curves = ['P-256', 'P-384', 'P-521', 'Ed25519']

/**
 * The public key of a client, reduced to the members that make it and its `alg`. Refuses private
 * and symmetric members, unknown types and curves, keys that are not valid or not for signatures,
 * RSA outside of 2048 to 4096 bits, with an even modulus, or with an exponent that is even, below
 * 65537 or above 32 bits, and Ed25519 points of small order. Whether the client holds the private
 * half shows when it uses the token.
 *
 * @throws IssuerError `invalid_request`
 */
export function readClientKey(jwk: unknown): JWK {
  if (typeof jwk !== 'object' || jwk === null) throw unusable()
  const { kty, crv, use, key_ops: operations, alg } = jwk as JWK
  const members = typeof kty === 'string' ? publicMembers[kty] : undefined
  if (members === undefined || (kty !== 'RSA' && !curves.includes(String(crv)))) throw unusable()
  if (privateMembers.some((member) => Object.hasOwn(jwk, member))) throw unusable()
  if (use !== undefined && use !== 'sig') throw unusable()
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    throw unusable()
  if (alg !== undefined && !fitsAlgorithm(jwk as JWK, alg)) throw unusable()
  const key = importPublic(jwk)
  const canonical: Record<string, unknown> = { ...key.export({ format: 'jwk' }) }
  if (isWeak(key, canonical)) throw unusable()
  return Object.fromEntries([
    ['kty', kty],
    ...members.map((member) => [member, canonical[member]]),
    ...(alg === undefined ? [] : [['alg', alg]]),
  ]) as JWK
}

/** 32 bytes in base64url; the last character has two bits that must be zero. */
const thumbprintPattern = /^[\w-]{42}[AEIMQUYcgkosw048]$/

export function isThumbprint(thumbprint: unknown): thumbprint is string {
  return typeof thumbprint === 'string' && thumbprintPattern.test(thumbprint)
}

/**
 * A SHA-256 thumbprint (RFC 7638 section 3) as it may stand in a token.
 *
 * @throws IssuerError `invalid_request`
 */
export function readThumbprint(thumbprint: unknown): string {
  if (isThumbprint(thumbprint)) return thumbprint
  throw new IssuerError('invalid_request', 'The thumbprint of the request is not a SHA-256 one')
}

function importPublic(jwk: object): KeyObject {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    throw unusable()
  }
}

function isWeak({ asymmetricKeyDetails: details = {} }: KeyObject, { kty, n, x }: JWK): boolean {
  if (kty === 'OKP') return isSmallOrder(x)
  if (kty !== 'RSA') return false
  const { modulusLength: bits = 0, publicExponent: exponent = 0n } = details
  if (bits < 2048 || bits > 4096 || isEven(n)) return true
  return exponent < 65_537n || exponent >= 2n ** 32n || exponent % 2n === 0n
}

function isEven(integer = ''): boolean {
  return ((Buffer.from(integer, 'base64url').at(-1) ?? 0) & 1) === 0
}

const prime = 2n ** 255n - 19n

/** The y coordinates of the points whose order divides 8: one signature by them fits every message. */
const smallOrder: readonly bigint[] = [
  0n,
  1n,
  prime - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]

/** Also true for an encoding that is not canonical (RFC 8032 section 5.1.3). */
function isSmallOrder(x = ''): boolean {
  const littleEndian = Buffer.from(x, 'base64url')
  const y = BigInt(`0x${littleEndian.reverse().toString('hex')}`) % 2n ** 255n
  return y >= prime || smallOrder.includes(y)
}

function unusable(): IssuerError {
  return new IssuerError('invalid_request', 'The key of the request is not a usable public key')
}
