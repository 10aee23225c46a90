import { base64url, importJWK } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import {
  isProofAlgorithm,
  secretHashOf,
  signatureOf,
  type ProofAlgorithm,
  type SecretAlgorithm,
} from './algorithms.ts'
import type { ProofKeyPair } from './key-pair.ts'
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
 * JWK whose `alg` says how to sign, such as the `access_token_key` of a token response. Do not change
 * a JWK once it has been used: its import is remembered.
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

const publicMembers: Readonly<Record<string, readonly (keyof JWK)[]>> = {
  RSA: ['kty', 'n', 'e'],
  EC: ['kty', 'crv', 'x', 'y'],
  OKP: ['kty', 'crv', 'x'],
}

const imported = new WeakMap<JWK, SigningKey>()

/**
 * Finds the key and makes it ready to sign.
 *
 * @throws TypeError for what is no key
 */
export async function resolveProofKey(source: ProofKeySource): Promise<SigningKey> {
  const key = typeof source === 'function' ? await source() : source
  if (typeof key !== 'object' || key === null || key instanceof Promise)
    throw new TypeError('key must be a key pair, a signer or a JWK, or a function that finds it')
  if ('privateKey' in key) return fromKeyPair(key as ProofKeyPair)
  if ('sign' in key) return fromSigner(key as ProofSigner)
  const known = imported.get(key)
  if (known !== undefined) return known
  const signingKey = key.kty === 'oct' ? await fromSecret(key) : await fromPrivateJwk(key)
  imported.set(key, signingKey)
  return signingKey
}

function fromKeyPair({ algorithm, privateKey, jwk }: ProofKeyPair): SigningKey {
  return withCryptoKey(readAlgorithm(algorithm), privateKey, jwk)
}

async function fromPrivateJwk(key: JWK): Promise<SigningKey> {
  const algorithm = readAlgorithm(key.alg)
  if (typeof key.d !== 'string')
    throw new TypeError('a JWK that signs proofs must be a private key')
  webCrypto()
  const privateKey = await importJWK({ ...key }, algorithm).catch((cause: unknown) => {
    throw new TypeError('the private JWK cannot be imported for its alg', { cause })
  })
  return withCryptoKey(algorithm, privateKey as CryptoKey, key)
}

function withCryptoKey(algorithm: ProofAlgorithm, privateKey: CryptoKey, jwk: JWK): SigningKey {
  const { parameters } = signatureOf(algorithm)
  return {
    algorithm,
    jwk: toPublicJwk(jwk, algorithm),
    sign: async (bytes) => new Uint8Array(await webCrypto().sign(parameters, privateKey, bytes)),
  }
}

function fromSigner(signer: ProofSigner): SigningKey {
  const algorithm = readAlgorithm(signer.algorithm)
  const { bytes: length } = signatureOf(algorithm)
  return {
    algorithm,
    jwk: toPublicJwk(signer.jwk, algorithm),
    async sign(bytes) {
      const signature = await signer.sign(bytes)
      if (!(signature instanceof Uint8Array) || signature.length === 0)
        throw new TypeError('sign must return the bytes of a signature')
      if (length === undefined || signature.length === length) return signature
      throw new TypeError(
        `an ${algorithm} signature has ${length} bytes, r and s side by side; DER must be taken apart`,
      )
    },
  }
}

async function fromSecret({ alg, k }: JWK): Promise<SigningKey> {
  const wanted = secretHashOf(alg)
  if (wanted === undefined)
    throw new TypeError('a symmetric JWK needs an alg: HS256, HS384 or HS512')
  const secret = base64url.decode(String(k))
  if (secret.length < wanted.bytes)
    throw new TypeError(`a secret for ${alg} needs ${wanted.bytes} bytes or more`)
  const hmac = { name: 'HMAC', hash: wanted.hash }
  const key = await webCrypto().importKey('raw', Uint8Array.from(secret), hmac, false, ['sign'])
  return {
    algorithm: alg as SecretAlgorithm,
    sign: async (bytes) => new Uint8Array(await webCrypto().sign('HMAC', key, bytes)),
  }
}

function readAlgorithm(algorithm: unknown): ProofAlgorithm {
  if (isProofAlgorithm(algorithm)) return algorithm
  throw new TypeError('a key needs an algorithm that signs proofs; in a JWK it is the alg')
}

/** Only the members that make the key, so that nothing private can end up in a proof. */
function toPublicJwk(jwk: JWK, alg: ProofAlgorithm): JWK {
  const { kty, crv } = signatureOf(alg)
  const members = publicMembers[kty] ?? []
  if (jwk?.kty !== kty || (crv !== undefined && jwk.crv !== crv))
    throw new TypeError(`the key is not one for ${alg}`)
  return { ...Object.fromEntries(members.map((member) => [member, jwk[member]])), alg }
}
