import type { JWK } from 'jose'

/**
 * Algorithms that a proof can be signed with (RFC 7518 section 3.1, RFC 8037, RFC 9864). Runtimes
 * differ in what they have: every browser has ES256, and Ed25519 is the newest.
 */
export type ProofAlgorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519'

/** Algorithms of secrets (RFC 7518 section 3.2), for servers that give or take no key pairs. */
export type SecretAlgorithm = 'HS256' | 'HS384' | 'HS512'

interface Signature {
  readonly kty: 'RSA' | 'EC' | 'OKP'
  readonly crv?: 'P-256' | 'P-384' | 'P-521' | 'Ed25519'
  /** What WebCrypto signs with. */
  readonly parameters: Parameters<typeof crypto.subtle.sign>[0]
  /** The length of a signature in bytes, where the algorithm fixes it. */
  readonly bytes?: number
}

const rsa: Signature = { kty: 'RSA', parameters: 'RSASSA-PKCS1-v1_5' }
const ed25519: Signature = { kty: 'OKP', crv: 'Ed25519', parameters: 'Ed25519', bytes: 64 }

const signatures: Readonly<Record<ProofAlgorithm, Signature>> = {
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: { kty: 'RSA', parameters: { name: 'RSA-PSS', saltLength: 32 } },
  PS384: { kty: 'RSA', parameters: { name: 'RSA-PSS', saltLength: 48 } },
  PS512: { kty: 'RSA', parameters: { name: 'RSA-PSS', saltLength: 64 } },
  ES256: { kty: 'EC', crv: 'P-256', parameters: { name: 'ECDSA', hash: 'SHA-256' }, bytes: 64 },
  ES384: { kty: 'EC', crv: 'P-384', parameters: { name: 'ECDSA', hash: 'SHA-384' }, bytes: 96 },
  ES512: { kty: 'EC', crv: 'P-521', parameters: { name: 'ECDSA', hash: 'SHA-512' }, bytes: 132 },
  EdDSA: ed25519,
  Ed25519: ed25519,
}

/** The algorithms of key pairs. */
export const proofAlgorithms = Object.keys(signatures) as readonly ProofAlgorithm[]

/** Narrows to an algorithm of a key pair; those of secrets and `none` are not among them. */
export function isProofAlgorithm(name: unknown): name is ProofAlgorithm {
  return typeof name === 'string' && Object.hasOwn(signatures, name)
}

export function signatureOf(algorithm: ProofAlgorithm): Signature {
  return signatures[algorithm]
}

/**
 * The algorithm of a key that leaves no choice: that of its curve (RFC 7518 section 3.4), `EdDSA` for
 * Ed25519 (RFC 8037 section 3.1). Undefined for RSA, which has six.
 */
export function onlyAlgorithmOf({ kty, crv }: JWK): ProofAlgorithm | undefined {
  return proofAlgorithms.find((name) => {
    const wanted = signatures[name]
    return wanted.crv !== undefined && wanted.kty === kty && wanted.crv === crv
  })
}

/** The hash of a secret's algorithm, and the least bytes that the secret must have; else undefined. */
export function secretHashOf(name: unknown): { hash: string; bytes: number } | undefined {
  const [, bits] = /^HS(256|384|512)$/.exec(String(name)) ?? []
  return bits === undefined ? undefined : { hash: `SHA-${bits}`, bytes: Number(bits) / 8 }
}
