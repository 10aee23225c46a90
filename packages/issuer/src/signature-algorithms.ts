import type { JWK } from 'jose'

const keysOf = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
} as const satisfies Record<string, Pick<JWK, 'kty' | 'crv'>>

/** Signature algorithms of key pairs (RFC 7518 section 3.1, RFC 8037, RFC 9864). */
export type SignatureAlgorithm = keyof typeof keysOf

export function isSignatureAlgorithm(name: unknown): name is SignatureAlgorithm {
  return typeof name === 'string' && Object.hasOwn(keysOf, name)
}

/** Whether an algorithm is one that this key can sign with. */
export function fitsAlgorithm({ kty, crv }: JWK, algorithm: unknown): boolean {
  if (!isSignatureAlgorithm(algorithm)) return false
  const wanted: Pick<JWK, 'kty' | 'crv'> = keysOf[algorithm]
  return kty === wanted.kty && (wanted.crv === undefined || crv === wanted.crv)
}
