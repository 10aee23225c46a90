import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  jwtVerify,
  SignJWT,
  type JSONWebKeySet,
  type JWK,
} from 'jose'
import { fitsAlgorithm } from './signature-algorithms.ts'

export type Claims = Readonly<Record<string, unknown>>

/** Signs JWT access tokens, and reads them again. */
export interface TokenSigner {
  sign(claims: Claims): Promise<string>
  /**
   * The claims of a bound access token that one of our keys signed, expired ones too; undefined for
   * any other.
   */
  read(token: string): Promise<Claims | undefined>
  jwks(): Promise<JSONWebKeySet>
}

const requiredClaims = ['exp', 'jti', 'client_id']

/** Whoever shares our key may sign tokens that are bound to nothing, or to something else. */
function isBound({ cnf }: Claims): boolean {
  if (typeof cnf !== 'object' || cnf === null) return false
  return ['jwk', 'kid', 'jwe', 'jkt', 'x5t#S256'].some((method) => Object.hasOwn(cnf, method))
}

interface SigningKey {
  readonly alg: string
  readonly privateKey: KeyObject
  /** The public half, named by its thumbprint. */
  readonly publicKey: Promise<JWK>
  readonly publicText: string
}

/**
 * The first key signs; all are published and read, so that tokens of the key before stay good.
 *
 * @throws TypeError for a key that cannot sign
 */
export function createTokenSigner(issuer: string, signingKeys: readonly JWK[]): TokenSigner {
  const keys = signingKeys.map(readSigningKey)
  const [current] = keys
  if (current === undefined) throw new TypeError('signingKey must not be an empty list')
  const algorithms = keys.map(({ alg }) => alg)
  if (new Set(keys.map(({ publicText }) => publicText)).size !== keys.length)
    throw new TypeError('signingKey has a key twice')
  const published = Promise.all(keys.map(({ publicKey }) => publicKey))
  // Made once: it remembers the keys that it has imported.
  const finding = published.then((all) => createLocalJWKSet({ keys: all }))
  return {
    async sign(claims) {
      const { kid = '' } = await current.publicKey
      const header = { typ: 'at+jwt', alg: current.alg, kid }
      return new SignJWT({ ...claims }).setProtectedHeader(header).sign(current.privateKey)
    },
    async read(token) {
      // Expiry is the caller's to judge, by its own clock.
      const options = {
        issuer,
        algorithms,
        typ: 'at+jwt',
        requiredClaims,
        currentDate: new Date(0),
      }
      const read = jwtVerify(token, await finding, options)
      return read.then(
        ({ payload }) => (isBound(payload) ? payload : undefined),
        () => undefined,
      )
    },
    async jwks() {
      return { keys: [...(await published)] }
    },
  }
}

function readSigningKey(jwk: JWK): SigningKey {
  const { alg = '', d } = jwk
  if (d === undefined) throw new TypeError('signingKey must be a private key')
  if (!fitsAlgorithm(jwk, alg)) throw new TypeError('signingKey needs an alg that fits it')
  const privateKey = createPrivateKey({ key: { ...jwk }, format: 'jwk' })
  if ((privateKey.asymmetricKeyDetails?.modulusLength ?? 2048) < 2048)
    throw new TypeError('signingKey must have at least 2048 bits')
  const publicHalf = createPublicKey(privateKey).export({ format: 'jwk' }) as JWK
  const publicText = JSON.stringify(publicHalf)
  return { alg, privateKey, publicKey: nameKey(publicHalf, alg), publicText }
}

async function nameKey(publicHalf: JWK, alg: string): Promise<JWK> {
  return { ...publicHalf, alg, use: 'sig', kid: await calculateJwkThumbprint(publicHalf) }
}
