import { createPublicKey, type KeyObject } from 'node:crypto'
import type { JWK } from 'jose'
import { IssuerError } from './errors.ts'

const publicMembers: Readonly<Record<string, readonly string[]>> = {
  RSA: ['e', 'n'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
}
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const curves = ['P-256', 'P-384', 'P-521', 'Ed25519']
const smallestRsaBits = 2048
const largestRsaBits = 4096

/**
 * The public key of a client, reduced to the members that make it and its `alg`. Refuses private
 * and symmetric members, unknown types and curves, keys that are not valid, and RSA outside of 2048
 * to 4096 bits. Whether the client holds the private half shows when it uses the token.
 *
 * @throws IssuerError `invalid_request`
 */
export function readClientKey(jwk: JWK): JWK {
  const kty = typeof jwk === 'object' && jwk !== null ? jwk.kty : undefined
  const members = typeof kty === 'string' ? publicMembers[kty] : undefined
  if (members === undefined || kty === undefined) throw unusable()
  if (privateMembers.some((member) => Object.hasOwn(jwk, member))) throw unusable()
  if (kty !== 'RSA' && !curves.includes(String(jwk.crv))) throw unusable()
  const key = importPublic(jwk)
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && (bits < smallestRsaBits || bits > largestRsaBits)) throw unusable()
  const { crv, e, n, x, y } = key.export({ format: 'jwk' })
  const canonical: Record<string, unknown> = { crv, e, n, x, y }
  return Object.fromEntries([
    ['kty', kty],
    ...members.map((member) => [member, canonical[member]]),
    ...(typeof jwk.alg === 'string' ? [['alg', jwk.alg]] : []),
  ]) as JWK
}

function importPublic(jwk: JWK): KeyObject {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    throw unusable()
  }
}

function unusable(): IssuerError {
  return new IssuerError('The key of the request is not a usable public key')
}
