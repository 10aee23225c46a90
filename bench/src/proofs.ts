import {
  constants,
  generateKeyPairSync,
  randomBytes,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'
import type { HttpRequest, Jwk } from '@oauth-pop/core'

export const algorithms = ['ES256', 'EdDSA', 'RS256', 'PS256'] as const
export type BenchAlgorithm = (typeof algorithms)[number]

/** A key, a token bound to it, and signed requests, all made before the clock runs. */
export interface Pool {
  readonly accessToken: string
  readonly jwk: Jwk
  readonly requests: readonly HttpRequest[]
  /** One bare verification of the signature of a request, by the cheapest call: the limit. */
  readonly verifyBare: (index: number) => boolean
  /** The same by the call that most code makes: an options object, and the signature as JWS has it. */
  readonly verifyUsual: (index: number) => boolean
}

const apiHost = 'api.example.com'
export const audience = `https://${apiHost}`
export const issuer = 'https://as.example.com'

interface PoolOptions {
  /** Each request is signed by a key that is not the token's. */
  readonly forged?: boolean
  /** Default a random string of 700 characters. */
  readonly createToken?: (jwk: Jwk) => string
  /** How many seconds ahead of now the proofs are dated. Default 0. */
  readonly aheadSeconds?: number
}

/** Makes distinct signed requests. */
export function createPool(
  algorithm: BenchAlgorithm,
  size: number,
  { forged = false, createToken = randomToken, aheadSeconds = 0 }: PoolOptions = {},
): Pool {
  const { publicKey, privateKey } = createKeyPair(algorithm)
  const signingKey = forged ? createKeyPair(algorithm).privateKey : privateKey
  const accessToken = createToken(publicKey.export({ format: 'jwk' }) as Jwk)
  const signed = Array.from({ length: size }, (_, index) =>
    signRequest(algorithm, signingKey, accessToken, index, aheadSeconds),
  )
  const hash = hashOf(algorithm)
  // The cheapest form of the call: a bare key where the algorithm allows it, and DER for ECDSA.
  const key = algorithm === 'PS256' ? { key: publicKey, ...pss } : publicKey
  return {
    accessToken,
    jwk: publicKey.export({ format: 'jwk' }) as Jwk,
    requests: signed.map(({ request }) => request),
    verifyBare(index) {
      const { input, bareSignature } = signed[index] as (typeof signed)[number]
      return verify(hash, Buffer.from(input, 'latin1'), key, bareSignature)
    },
    verifyUsual(index) {
      const { input, signature } = signed[index] as (typeof signed)[number]
      const options = {
        key: publicKey,
        dsaEncoding: 'ieee-p1363',
        ...(algorithm === 'PS256' && pss),
      } as const
      return verify(hash, Buffer.from(input, 'latin1'), options, signature)
    },
  }
}

export function randomToken(): string {
  return randomBytes(525).toString('base64url')
}

/** An issuer that signs JWT access tokens with this algorithm, and its key set. */
export function createIssuer(algorithm: 'ES256' | 'RS256'): {
  readonly createToken: (jwk: Jwk, subject?: string) => string
  readonly jwks: { readonly keys: readonly Jwk[] }
} {
  const { publicKey, privateKey } = createKeyPair(algorithm)
  const kid = 'bench'
  return {
    jwks: { keys: [{ ...(publicKey.export({ format: 'jwk' }) as Jwk), kid }] },
    createToken(jwk, subject) {
      const header = { typ: 'at+jwt', alg: algorithm, kid }
      const input = [header, claimsOf({ jwk }, subject)].map(encode).join('.')
      const options = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
      return `${input}.${sign('sha256', Buffer.from(input), options).toString('base64url')}`
    },
  }
}

/** What an authorization server knows about the token of a pool. */
export function claimsOf(
  { jwk }: Pick<Pool, 'jwk'>,
  subject = 'alice',
): Readonly<Record<string, unknown>> {
  const exp = Math.floor(Date.now() / 1000) + 3600
  return {
    iss: issuer,
    sub: subject,
    aud: audience,
    client_id: 'app',
    scope: 'a b',
    exp,
    cnf: { jwk },
  }
}

function createKeyPair(algorithm: BenchAlgorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

function hashOf(algorithm: BenchAlgorithm): 'sha256' | null {
  return algorithm === 'EdDSA' ? null : 'sha256'
}

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }

function signRequest(
  algorithm: BenchAlgorithm,
  key: KeyObject,
  accessToken: string,
  index: number,
  aheadSeconds: number,
): { input: string; signature: Buffer; bareSignature: Buffer; request: HttpRequest } {
  const path = `/photos/${index}`
  const jti = randomBytes(16).toString('base64url')
  const payload = {
    at: accessToken,
    ts: Math.floor(Date.now() / 1000) + aheadSeconds,
    m: 'GET',
    u: apiHost,
    p: path,
    jti,
  }
  const input = [{ typ: 'pop', alg: algorithm }, payload].map(encode).join('.')
  const signature = sign(hashOf(algorithm), Buffer.from(input), {
    key,
    dsaEncoding: 'ieee-p1363',
    ...(algorithm === 'PS256' && pss),
  })
  const credential = `PoP ${input}.${signature.toString('base64url')}`
  const bareSignature = algorithm === 'ES256' ? derOf(signature) : signature
  return {
    input,
    signature,
    bareSignature,
    request: { method: 'GET', target: path, rawHeaders: rawHeaders(credential) },
  }
}

/** What a browser or an SDK sends. The string is made flat, as Node's parser hands it over. */
function rawHeaders(credential: string): readonly string[] {
  const authorization = Buffer.from(credential, 'latin1').toString('latin1')
  const before = [
    'Host',
    apiHost,
    'Connection',
    'keep-alive',
    'User-Agent',
    'bench/1.0',
    'Accept',
    '*/*',
  ]
  const after = [
    'Accept-Encoding',
    'gzip, deflate',
    'Accept-Language',
    'en',
    'Cache-Control',
    'no-cache',
  ]
  return [...before, 'Authorization', authorization, ...after]
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function derOf(signature: Buffer): Buffer {
  const integers = [signature.subarray(0, 32), signature.subarray(32)].map((bytes) => {
    const digits = bytes.subarray(bytes.findIndex((byte) => byte !== 0))
    const content = digits.readUInt8(0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits
    return Buffer.concat([Buffer.from([2, content.length]), content])
  })
  const content = Buffer.concat(integers)
  return Buffer.concat([Buffer.from([0x30, content.length]), content])
}
