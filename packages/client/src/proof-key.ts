import { base64url, importJWK } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import {
  isProofAlgorithm,
  onlyAlgorithmOf,
  secretHashOf,
  signatureOf,
  type ProofAlgorithm,
  type SecretAlgorithm,
} from './algorithms.ts'
import type { ProofKeyPair } from './key-pair.ts'
import { checkPurpose, readPublicKey, type PublicKey } from './public-key.ts'
import { webCrypto } from './web-crypto.ts'

/** A private key that stays where it is: in hardware, in a key service, in another process. */
export interface ProofSigner {
  readonly algorithm: ProofAlgorithm
  /** The public key. */
  readonly jwk: JWK
  /**
   * Signs the bytes themselves, not a hash of them, as the algorithm says; a signature of ECDSA is
   * `r` and `s` side by side (RFC 7518 section 3.4), not DER.
   */
  sign(bytes: Uint8Array<ArrayBuffer>): Uint8Array | Promise<Uint8Array>
}

/**
 * The key that signs proofs: a pair of `generateKeyPair`, a `ProofSigner`, or a private or symmetric
 * JWK whose `alg` says how to sign, such as the `access_token_key` of a token response. Without an
 * `alg`, an EC key signs with the algorithm of its curve (`ES256`, `ES384`, `ES512`) and an Ed25519
 * key with `EdDSA`; RSA keys and secrets need one. Do not change a key once it has been used: its
 * import is remembered.
 */
export type ProofKey = ProofKeyPair | ProofSigner | JWK

/** A key, or a function that finds it; the function is asked for every proof. */
export type ProofKeySource = ProofKey | (() => ProofKey | Promise<ProofKey>)

/** What signing needs of a key. */
export interface SigningKey {
  readonly algorithm: ProofAlgorithm | SecretAlgorithm
  /** The public half; a secret has none. */
  readonly jwk?: JWK
  sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array>
}

const imported = new WeakMap<object, SigningKey>()

/**
 * Finds the key and makes it ready to sign. A key that no verifier takes is refused here, and one
 * whose halves do not belong together at its first signature, which is verified.
 *
 * @throws TypeError for what is no key that can sign proofs
 */
export async function resolveProofKey(source: ProofKeySource): Promise<SigningKey> {
  const key = typeof source === 'function' ? await source() : source
  if (typeof key !== 'object' || key === null || key instanceof Promise)
    throw new TypeError('key must be a key pair, a signer or a JWK, or a function that finds it')
  const known = imported.get(key)
  if (known !== undefined) return known
  const signingKey = await importKey(key)
  imported.set(key, signingKey)
  return signingKey
}

function importKey(key: ProofKey): Promise<SigningKey> {
  if ('privateKey' in key) return fromKeyPair(key as ProofKeyPair)
  if ('sign' in key) return fromSigner(key as ProofSigner)
  return key.kty === 'oct' ? fromSecret(key) : fromPrivateJwk(key)
}

async function fromKeyPair({ algorithm, privateKey, jwk }: ProofKeyPair): Promise<SigningKey> {
  return withCryptoKey(privateKey, await readPublicKey(jwk, readAlgorithm(algorithm)), algorithm)
}

async function fromPrivateJwk(key: JWK): Promise<SigningKey> {
  if (key.alg === undefined && key.kty === 'RSA')
    throw new TypeError('an RSA key needs an alg that says how it signs, such as RS256 or PS256')
  const algorithm = readAlgorithm(key.alg ?? onlyAlgorithmOf(key))
  if (typeof key.d !== 'string')
    throw new TypeError('a JWK that signs proofs must be a private key')
  const publicKey = await readPublicKey(key, algorithm)
  const privateKey = await importJWK({ ...key }, algorithm).catch((cause: unknown) => {
    throw new TypeError('the private JWK cannot be imported for its alg', { cause })
  })
  return withCryptoKey(privateKey as CryptoKey, publicKey, algorithm)
}

function withCryptoKey(
  privateKey: CryptoKey,
  publicKey: PublicKey,
  algorithm: ProofAlgorithm,
): SigningKey {
  const { parameters } = signatureOf(algorithm)
  return withPublicKey(publicKey, algorithm, async (bytes) => {
    const signature = await webCrypto()
      .sign(parameters, privateKey, bytes)
      .catch((cause: unknown) => {
        throw new TypeError(`the private key does not sign with ${algorithm}`, { cause })
      })
    return new Uint8Array(signature)
  })
}

async function fromSigner(signer: ProofSigner): Promise<SigningKey> {
  const algorithm = readAlgorithm(signer.algorithm)
  const { bytes: length } = signatureOf(algorithm)
  const publicKey = await readPublicKey(signer.jwk, algorithm)
  return withPublicKey(publicKey, algorithm, async (bytes) => {
    const signature = await signer.sign(bytes)
    if (!(signature instanceof Uint8Array) || signature.length === 0)
      throw new TypeError('sign must return the bytes of a signature')
    if (length === undefined || signature.length === length) return signature
    throw new TypeError(
      `an ${algorithm} signature has ${length} bytes, r and s side by side; DER must be taken apart`,
    )
  })
}

/** One look at the first signature finds every way in which the two halves can be at odds. */
function withPublicKey(
  { jwk, verifies }: PublicKey,
  algorithm: ProofAlgorithm,
  sign: SigningKey['sign'],
): SigningKey {
  let isProven = false
  return {
    algorithm,
    jwk,
    async sign(bytes) {
      const signature = await sign(bytes)
      isProven ||= await verifies(signature, bytes)
      if (isProven) return signature
      throw new TypeError(
        `the signature is not an ${algorithm} signature of the bytes by the private half of jwk`,
      )
    },
  }
}

async function fromSecret(jwk: JWK): Promise<SigningKey> {
  const { alg, k } = jwk
  const wanted = secretHashOf(alg)
  if (wanted === undefined)
    throw new TypeError('a symmetric JWK needs an alg: HS256, HS384 or HS512')
  checkPurpose(jwk, String(alg))
  const secret = readSecret(k)
  if (secret.length < wanted.bytes)
    throw new TypeError(`a secret for ${alg} needs ${wanted.bytes} bytes or more`)
  const hmac = { name: 'HMAC', hash: wanted.hash }
  const key = await webCrypto().importKey('raw', Uint8Array.from(secret), hmac, false, ['sign'])
  return {
    algorithm: alg as SecretAlgorithm,
    sign: async (bytes) => new Uint8Array(await webCrypto().sign('HMAC', key, bytes)),
  }
}

/** Decoders differ in what they make of any other spelling. */
function readSecret(k: unknown): Uint8Array {
  if (typeof k === 'string' && /^[\w-]+$/.test(k)) {
    const secret = base64url.decode(k)
    if (base64url.encode(secret) === k) return secret
  }
  throw new TypeError('k of a symmetric JWK must be base64url without padding')
}

function readAlgorithm(algorithm: unknown): ProofAlgorithm {
  if (isProofAlgorithm(algorithm)) return algorithm
  throw new TypeError('a key needs an algorithm that signs proofs; in a JWK it is the alg')
}
