import { importJWK } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import { isProofAlgorithm, type ProofAlgorithm, type ProofKeyPair } from './key-pair.ts'

/**
 * The key that signs proofs: a pair of `generateKeyPair`, or a private JWK whose `alg` says how to
 * sign, such as the `access_token_key` of a token response. Do not change a JWK once it has been
 * used: its import is remembered.
 */
export type ProofKey = ProofKeyPair | JWK

/** A key, or a function that finds it; the function is asked for every proof. */
export type ProofKeySource = ProofKey | (() => ProofKey | Promise<ProofKey>)

/** What signing needs of a key. */
export interface SigningKey {
  readonly algorithm: ProofAlgorithm
  readonly privateKey: CryptoKey
  /** The public half. */
  readonly jwk: JWK
}

const publicMembers: Readonly<Record<string, readonly (keyof JWK)[]>> = {
  RSA: ['kty', 'n', 'e'],
  EC: ['kty', 'crv', 'x', 'y'],
  OKP: ['kty', 'crv', 'x'],
}

const imported = new WeakMap<JWK, SigningKey>()

/** Finds the key and makes it ready to sign. */
export async function resolveProofKey(source: ProofKeySource): Promise<SigningKey> {
  const key = typeof source === 'function' ? await source() : source
  if (typeof key !== 'object' || key === null)
    throw new TypeError('key must be a key pair or a JWK')
  if (isKeyPair(key)) return fromKeyPair(key)
  const known = imported.get(key)
  if (known !== undefined) return known
  const signingKey = await fromPrivateJwk(key)
  imported.set(key, signingKey)
  return signingKey
}

function isKeyPair(key: ProofKey): key is ProofKeyPair {
  return 'privateKey' in key
}

function fromKeyPair({ algorithm, privateKey, jwk }: ProofKeyPair): SigningKey {
  if (!isProofAlgorithm(algorithm)) throw new TypeError('key has no algorithm that signs proofs')
  return { algorithm, privateKey, jwk: toPublicJwk(jwk, algorithm) }
}

async function fromPrivateJwk(key: JWK): Promise<SigningKey> {
  const { alg, d } = key
  if (!isProofAlgorithm(alg)) throw new TypeError('a private JWK needs an alg that signs proofs')
  if (typeof d !== 'string') throw new TypeError('a JWK that signs proofs must be a private key')
  const jwk = toPublicJwk(key, alg)
  const privateKey = await importJWK({ ...key }, alg).catch((cause: unknown) => {
    throw new TypeError('the private JWK cannot be imported for its alg', { cause })
  })
  if (privateKey instanceof Uint8Array) throw new TypeError('a symmetric key cannot sign proofs')
  return { algorithm: alg, privateKey, jwk }
}

/** Only the members that make the key, so that nothing private can end up in a proof. */
function toPublicJwk(jwk: JWK, alg: ProofAlgorithm): JWK {
  const members = publicMembers[jwk.kty ?? '']
  if (members === undefined) throw new TypeError('the kty of a key must be RSA, EC or OKP')
  return { ...Object.fromEntries(members.map((member) => [member, jwk[member]])), alg }
}
