import { constants, createHmac, timingSafeEqual, verify, type KeyObject } from 'node:crypto'
import { nonEmptyList, oneOf } from '../option-readers.ts'
import { toDerSignature } from './ecdsa.ts'

interface Algorithm {
  readonly kty: 'RSA' | 'EC' | 'OKP' | 'oct'
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  readonly crv?: 'P-256' | 'P-384' | 'P-521' | 'Ed25519'
  readonly pss?: true
}

/** Every JWS algorithm that we know (RFC 7518 section 3.1, RFC 8037, RFC 9864). */
const algorithms = {
  RS256: { kty: 'RSA', hash: 'sha256' },
  RS384: { kty: 'RSA', hash: 'sha384' },
  RS512: { kty: 'RSA', hash: 'sha512' },
  PS256: { kty: 'RSA', hash: 'sha256', pss: true },
  PS384: { kty: 'RSA', hash: 'sha384', pss: true },
  PS512: { kty: 'RSA', hash: 'sha512', pss: true },
  ES256: { kty: 'EC', hash: 'sha256', crv: 'P-256' },
  ES384: { kty: 'EC', hash: 'sha384', crv: 'P-384' },
  ES512: { kty: 'EC', hash: 'sha512', crv: 'P-521' },
  EdDSA: { kty: 'OKP', hash: null, crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', hash: null, crv: 'Ed25519' },
  HS256: { kty: 'oct', hash: 'sha256' },
  HS384: { kty: 'oct', hash: 'sha384' },
  HS512: { kty: 'oct', hash: 'sha512' },
} as const satisfies Record<string, Algorithm>

/** The name of an algorithm that we can verify. */
export type AlgorithmName = keyof typeof algorithms

/** Every algorithm that we know. */
export const allAlgorithms: readonly AlgorithmName[] = Object.freeze(
  Object.keys(algorithms) as AlgorithmName[],
)

/** Every asymmetric algorithm that we know. */
export const asymmetricAlgorithms: readonly AlgorithmName[] = Object.freeze(
  allAlgorithms.filter((name) => algorithms[name].kty !== 'oct'),
)

export function algorithmOf(name: AlgorithmName): Algorithm {
  return algorithms[name]
}

/** Reads an `algorithms` option: names out of those that this use allows. */
export function readAlgorithms(
  where: string,
  names: readonly string[] | undefined,
  allowed: readonly AlgorithmName[],
  fallback: readonly AlgorithmName[],
): readonly AlgorithmName[] {
  if (names === undefined) return fallback
  const list = nonEmptyList(`${where} algorithms`, names)
  return Object.freeze(list.map((name) => oneOf(`${where} algorithms`, name, allowed)))
}

/**
 * Verifies a JWS signature (RFC 7515 section 5.2 step 8). Synchronous on purpose; `bench/README.md`
 * has the measurement. The key must have passed `keys/`: nothing about it is checked here.
 */
export function verifySignature(
  name: AlgorithmName,
  key: KeyObject,
  signingInput: string,
  signature: Buffer,
): boolean {
  const { kty, hash, pss }: Algorithm = algorithms[name]
  const data = Buffer.from(signingInput, 'latin1')
  if (kty === 'oct') return verifyMac(hash, key, data, signature)
  if (pss === true) return verify(hash, data, { key, ...pssOptions }, signature)
  // Node 24 takes a key inside of an options object apart on every call, a bare one not.
  if (kty !== 'EC') return verify(hash, data, key, signature)
  const der = toDerSignature(signature, key)
  return der !== undefined && verify(hash, data, key, der)
}

const pssOptions = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
}

function verifyMac(hash: string | null, key: KeyObject, data: Buffer, signature: Buffer): boolean {
  const expected = createHmac(hash ?? 'sha256', key)
    .update(data)
    .digest()
  return expected.length === signature.length && timingSafeEqual(expected, signature)
}
