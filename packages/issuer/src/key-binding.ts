import { randomBytes } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import { thumbprintOf } from './client-certificate.ts'
import { readClientKey, readThumbprint } from './client-key.ts'
import type { Encrypt } from './encryption.ts'
import { IssuerError } from './errors.ts'
import { isSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithms.ts'

/** Algorithms of symmetric keys (RFC 7518 section 3.2). */
export type SecretAlgorithm = 'HS256' | 'HS384' | 'HS512'

/**
 * How the key comes into the token. A `certificate` beside another key binds the token to both: a resource
 * server takes it only with a proof by the key over a connection with the certificate.
 */
export type KeyBinding =
  | (ProofKey & { readonly certificate?: Uint8Array })
  /**
   * The certificate that the client has shown in its TLS connection, as DER (RFC 8705 section 3). The token is
   * sent as a bearer token, and is good over connections with this certificate only.
   */
  | { readonly by: 'client'; readonly certificate: Uint8Array }

/** A key that signs proofs. */
type ProofKey =
  /**
   * The client makes the pair and sends the public half: the better way, for every client that can
   * make keys. Nobody but the client ever has the private half.
   */
  | { readonly by: 'client'; readonly jwk: JWK }
  /** The same by RFC 7638 thumbprint: smaller tokens; the proof brings the key along. */
  | { readonly by: 'client'; readonly thumbprint: string }
  /**
   * A DPoP key by its thumbprint (RFC 9449 section 6.1): the token is a DPoP token. Whoever calls has
   * verified a proof by this key; `createIssuerHandler` does.
   */
  | { readonly by: 'client'; readonly jkt: string }
  /**
   * A secret that the client chose: its strength is the client's word, it is known to three parties,
   * and every token of the client shares it. For partners that have nothing else. At least 32
   * bytes; text counts as UTF-8. Needs `encryptionKey`.
   */
  | { readonly by: 'client'; readonly secret: string | Uint8Array }
  /**
   * We make a fresh pair, hand it over, and keep only the public half; or a fresh secret, which only
   * the client and the resource server can read: for constrained clients. A secret needs
   * `encryptionKey`.
   */
  | { readonly by: 'server'; readonly algorithm: SignatureAlgorithm | SecretAlgorithm }

/** The key of one token. */
export interface BoundKey {
  /** The `cnf` of the token (RFC 7800 section 3). */
  readonly confirmation: Readonly<Record<string, unknown>>
  /** What the client must get, when the key is ours. */
  readonly accessTokenKey?: JWK
}

const secretBytes: Readonly<Record<SecretAlgorithm, number>> = { HS256: 32, HS384: 48, HS512: 64 }
const leastSecretBytes = 32
const leastDifferentBytes = 8

/**
 * Finds or makes the key, and names the certificate beside it.
 *
 * @throws IssuerError `invalid_request` for a key that cannot be used
 * @throws TypeError for a symmetric key without `encryptionKey`
 */
export async function bindKey(key: KeyBinding, encrypt?: Encrypt): Promise<BoundKey> {
  // A certificate that is named and missing is a mistake: without a look at it the token would need none.
  if (!('certificate' in key)) return bindProofKey(key, encrypt)
  const { certificate, ...proofKey } = key
  const named = { 'x5t#S256': thumbprintOf(certificate) }
  if (isOnlyBy(proofKey)) return { confirmation: named }
  const { confirmation, ...rest } = await bindProofKey(proofKey, encrypt)
  return { confirmation: { ...confirmation, ...named }, ...rest }
}

function isOnlyBy(key: ProofKey | { readonly by: 'client' }): key is { readonly by: 'client' } {
  return key.by === 'client' && Object.keys(key).length === 1
}

async function bindProofKey(key: ProofKey, encrypt?: Encrypt): Promise<BoundKey> {
  if (key.by === 'server') {
    return isSignatureAlgorithm(key.algorithm)
      ? makePair(key.algorithm)
      : makeSecret(key.algorithm, encrypt)
  }
  if ('jwk' in key) return { confirmation: { jwk: readClientKey(key.jwk) } }
  if ('thumbprint' in key) return { confirmation: { kid: readThumbprint(key.thumbprint) } }
  if ('jkt' in key) return { confirmation: { jkt: readThumbprint(key.jkt) } }
  if ('secret' in key) return { confirmation: await encryptSecret(readSecret(key.secret), encrypt) }
  throw new IssuerError('invalid_request', 'The request names no way to bind a key')
}

/** A fresh key for each token, named by its thumbprint: two tokens never share one. */
async function makePair(algorithm: SignatureAlgorithm): Promise<BoundKey> {
  const pair = await generateKeyPair(algorithm, { extractable: true })
  const jwk = { ...(await exportJWK(pair.publicKey)), alg: algorithm }
  const kid = await calculateJwkThumbprint(jwk)
  const accessTokenKey = { ...(await exportJWK(pair.privateKey)), alg: algorithm, kid }
  return { confirmation: { jwk: { ...jwk, kid } }, accessTokenKey }
}

async function makeSecret(algorithm: SecretAlgorithm, encrypt?: Encrypt): Promise<BoundKey> {
  const size = Object.hasOwn(secretBytes, algorithm) ? secretBytes[algorithm] : undefined
  if (size === undefined)
    throw new TypeError('key.algorithm is not one that proofs are signed with')
  const k = randomBytes(size).toString('base64url')
  const kid = await calculateJwkThumbprint({ kty: 'oct', k })
  const accessTokenKey = { kty: 'oct', k, alg: algorithm, kid }
  return { confirmation: await encryptSecret(accessTokenKey, encrypt), accessTokenKey }
}

/** RFC 7800 section 3.3: a symmetric key is in a token only for the eyes of the resource server. */
async function encryptSecret(key: JWK, encrypt?: Encrypt): Promise<{ jwe: string }> {
  if (encrypt !== undefined) return { jwe: await encrypt(key) }
  throw new TypeError('a symmetric key needs encryptionKey, a public JWK of the resource server')
}

/** Length and variety are all that can be told of a secret: a long one can still be guessable. */
function readSecret(secret: string | Uint8Array): JWK {
  const bytes = typeof secret === 'string' ? Buffer.from(secret) : Buffer.from(secret ?? [])
  if (bytes.length >= leastSecretBytes && new Set(bytes).size >= leastDifferentBytes) {
    return { kty: 'oct', k: bytes.toString('base64url') }
  }
  throw new IssuerError('invalid_request', 'The secret of the client is too weak to bind a token')
}
