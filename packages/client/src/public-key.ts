import { exportJWK, importJWK, type CryptoKey, type JWK } from 'jose'
import { signatureOf, type ProofAlgorithm } from './algorithms.ts'
import { isRoca } from './roca.ts'
import { webCrypto } from './web-crypto.ts'

/** The public half of a key, in the spelling that every verifier takes. */
export interface PublicKey {
  /** The members that make the key, and its `alg`: nothing private can end up in a proof. */
  readonly jwk: JWK
  readonly verifies: (signature: Uint8Array, bytes: Uint8Array<ArrayBuffer>) => Promise<boolean>
}

const publicMembers: Readonly<Record<string, readonly (keyof JWK)[]>> = {
  RSA: ['kty', 'n', 'e'],
  EC: ['kty', 'crv', 'x', 'y'],
  OKP: ['kty', 'crv', 'x'],
}

/**
 * Reads the public half of a key that signs proofs, and refuses what a verifier would: another type
 * or curve than the algorithm's, `use`, `key_ops` or `alg` that contradict it (RFC 7517 section 4),
 * members that are not canonical, a point that is not on its curve, RSA outside of 2048 to 4096
 * bits, with an exponent that is even, below 65537 or above 32 bits, or of the generator of
 * CVE-2017-15361.
 *
 * @throws TypeError
 */
export async function readPublicKey(key: JWK, algorithm: ProofAlgorithm): Promise<PublicKey> {
  const { kty, crv, parameters } = signatureOf(algorithm)
  if (key?.kty !== kty || (crv !== undefined && key.crv !== crv))
    throw new TypeError(`the key is not one for ${algorithm}`)
  checkPurpose(key, algorithm)
  const members = publicMembers[kty] ?? []
  const jwk: JWK = { ...Object.fromEntries(members.map((name) => [name, key[name]])), kty }
  const cryptoKey = await importPublic(jwk, algorithm)
  const canonical = await exportJWK(cryptoKey)
  const odd = members.find((name) => canonical[name] !== jwk[name])
  if (odd !== undefined)
    throw new TypeError(
      `${odd} of the key must be base64url of the right length, without padding and leading zeros`,
    )
  if (kty === 'RSA') checkRsa(cryptoKey.algorithm as object as RsaKeyAlgorithm, String(jwk.n))
  return {
    jwk: { ...jwk, alg: algorithm },
    verifies: (signature, bytes) =>
      webCrypto().verify(parameters, cryptoKey, Uint8Array.from(signature), bytes),
  }
}

/** What the key says of itself, and verifiers hold it to. */
export function checkPurpose({ use, key_ops: operations, alg }: JWK, algorithm: string): void {
  if (use !== undefined && use !== 'sig')
    throw new TypeError('the key is not one for signatures: its use must be sig')
  if (operations !== undefined && !['sign', 'verify'].some((name) => operations.includes(name)))
    throw new TypeError('the key is not one for signatures: its key_ops must have sign')
  const same = [alg, algorithm].every((name) => name === 'EdDSA' || name === 'Ed25519')
  if (alg !== undefined && alg !== algorithm && !same)
    throw new TypeError(`the alg of the key is not ${algorithm}`)
}

async function importPublic(jwk: JWK, algorithm: ProofAlgorithm): Promise<CryptoKey> {
  webCrypto()
  try {
    return (await importJWK(jwk, algorithm, { extractable: true })) as CryptoKey
  } catch (cause) {
    throw new TypeError(`the public key is not a valid one for ${algorithm}`, { cause })
  }
}

/** What WebCrypto says of an RSA key. */
interface RsaKeyAlgorithm {
  readonly modulusLength: number
  readonly publicExponent: Uint8Array
}

function checkRsa({ modulusLength, publicExponent }: RsaKeyAlgorithm, n: string): void {
  if (modulusLength < 2048 || modulusLength > 4096)
    throw new TypeError('an RSA key must have 2048 to 4096 bits')
  const exponent = publicExponent.reduce((value, byte) => value * 256 + byte, 0)
  if (exponent < 65_537 || exponent >= 2 ** 32 || exponent % 2 === 0)
    throw new TypeError('the exponent of an RSA key must be odd, from 65537 up to 32 bits')
  if (isRoca(n)) throw new TypeError('the RSA key can be factored (CVE-2017-15361)')
}
