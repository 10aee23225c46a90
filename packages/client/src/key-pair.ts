import { base64url, calculateJwkThumbprint, exportJWK, generateKeyPair as generate } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import { isProofAlgorithm, proofAlgorithms, type ProofAlgorithm } from './algorithms.ts'
import { resolveProofKey, type ProofKey } from './proof-key.ts'
import { webCrypto } from './web-crypto.ts'

/** A key pair that signs proofs, and the public half in the forms that an authorization server asks for. */
export interface ProofKeyPair {
  readonly algorithm: ProofAlgorithm
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  /** The public key with its `alg`; has no private member. */
  readonly jwk: JWK
  /** RFC 7638 thumbprint of the public key: SHA-256, base64url. */
  readonly thumbprint: string
}

export interface KeyPairOptions {
  readonly algorithm: ProofAlgorithm
  /** Whether the private key can be exported. Default `false`: not even this process can read it. */
  readonly extractable?: boolean
}

/**
 * Makes a fresh key pair with WebCrypto; RSA keys have 2048 bits.
 *
 * A pair that is not extractable can be kept in IndexedDB, but not in a file.
 *
 * @throws TypeError for an algorithm that is not a `ProofAlgorithm`
 * @throws Error where there is no WebCrypto, as in a page that came over http
 */
export async function generateKeyPair(options: KeyPairOptions): Promise<ProofKeyPair> {
  const { algorithm, extractable = false } = options
  if (!isProofAlgorithm(algorithm)) {
    throw new TypeError(`algorithm must be one of ${proofAlgorithms.join(', ')}`)
  }
  webCrypto()
  const { privateKey, publicKey } = await generate(algorithm, { extractable })
  const jwk = { ...(await exportJWK(publicKey)), alg: algorithm }
  const thumbprint = await calculateJwkThumbprint(jwk)
  return Object.freeze({ algorithm, privateKey, publicKey, jwk: Object.freeze(jwk), thumbprint })
}

/**
 * The RFC 7638 thumbprint of a key (SHA-256, base64url): the name that `confirmationRequest` needs of a
 * signer or a private JWK. A pair of `generateKeyPair` has its own already.
 *
 * @throws TypeError for a key that cannot sign proofs, and for a secret: its hash would give it away
 */
export async function keyThumbprint(key: ProofKey): Promise<string> {
  const { jwk } = await resolveProofKey(key)
  if (jwk === undefined) throw new TypeError('a secret has no thumbprint to be shown')
  return calculateJwkThumbprint(jwk)
}

/**
 * The parameter `req_cnf` of a token request: it asks for an access token that is bound to this key,
 * by its thumbprint. A pair of `generateKeyPair` has one; for any other key write
 * `confirmationRequest({ thumbprint: await keyThumbprint(key) })`.
 *
 * @see draft-ietf-oauth-pop-key-distribution-07 section 4.1
 * @throws TypeError for anything that has no thumbprint
 */
export function confirmationRequest(key: Pick<ProofKeyPair, 'thumbprint'>): string {
  const { thumbprint } = key ?? {}
  if (typeof thumbprint === 'string' && /^[\w-]{43}$/.test(thumbprint))
    return base64url.encode(JSON.stringify({ kid: thumbprint }))
  throw new TypeError(
    'the key has no thumbprint: write confirmationRequest({ thumbprint: await keyThumbprint(key) })',
  )
}
