import { createPublicKey, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { PopError } from '@oauth-pop/express'
import {
  allAlgorithms,
  verifySignature,
  type AlgorithmName,
} from '../../packages/core/src/jws/algorithms.ts'
import { decodeBase64Url, readCompactJws } from '../../packages/core/src/jws/compact.ts'
import { importSecretJwk, type Jwk } from '../../packages/core/src/keys/jwk.ts'
import { createKeyCache } from '../../packages/core/src/keys/key-cache.ts'
import { readAlgorithm, refuseExtensions } from '../../packages/core/src/schemes/proof-checks.ts'

/** What the core says of a vector: `accepted`, or why not. */
type Verdict = string

interface Vector {
  readonly tcId: number
  readonly result: 'valid' | 'acceptable' | 'invalid'
}

interface RawVector extends Vector {
  readonly msg: string
  readonly sig: string
}

export interface JwsVector extends Vector {
  readonly jws: string
}

interface RawGroup {
  readonly publicKeyDer: string
  readonly publicKeyJwk?: Jwk
  readonly keyJwk?: Jwk
  readonly tests: readonly RawVector[]
}

/** A symmetric key has no public half. */
interface JwsGroup<Key> {
  readonly public?: Key
  readonly private: Key
  readonly tests: readonly JwsVector[]
}

/** How many vectors a file has, and those where the core's verdict is not the file's result. */
export interface Baseline {
  readonly vectors: number
  readonly differ: Readonly<Record<number, Verdict>>
}

/** Signatures over bare messages, and the algorithm that they are for. */
export const rawFiles: Readonly<Record<string, Baseline & { readonly algorithm: AlgorithmName }>> =
  {
    'ecdsa_secp256r1_sha256_p1363_test.json': { algorithm: 'ES256', vectors: 262, differ: {} },
    'ecdsa_secp384r1_sha384_p1363_test.json': { algorithm: 'ES384', vectors: 280, differ: {} },
    'ecdsa_secp521r1_sha512_p1363_test.json': { algorithm: 'ES512', vectors: 318, differ: {} },
    'ed25519_test.json': { algorithm: 'EdDSA', vectors: 151, differ: {} },
    'rsa_pss_2048_sha256_mgf1_32_test.json': { algorithm: 'PS256', vectors: 108, differ: {} },
    'rsa_signature_2048_sha256_test.json': {
      algorithm: 'RS256',
      vectors: 259,
      // 8 is "acceptable": no NULL in its DigestInfo. The key of 258 and 259 has exponent 3.
      differ: { 8: 'signature', 258: 'exponent', 259: 'exponent' },
    },
  }

export const jwsFile = 'json_web_signature_test.json'
export const jwsBaseline: Baseline = {
  vectors: 401,
  differ: {
    // The keys are for PS256, the tokens say PS384.
    346: 'alg',
    350: 'alg',
    // "ES521", as their keys say, is no algorithm.
    347: 'alg',
    351: 'alg',
    // A lenient decoder would skip their question marks.
    372: 'ERR_POP_PROOF_MALFORMED',
    373: 'ERR_POP_PROOF_MALFORMED',
    367: 'accepted',
    370: 'accepted',
  },
}

/** Invalid vectors that are, byte for byte, a valid one: what they had of padding has been lost. */
export const lostPadding: Readonly<Record<number, number>> = { 367: 357, 370: 357 }

export const jwkFile = 'json_web_key_test.json'
export const jwkBaseline: Baseline = {
  vectors: 26,
  differ: {
    // Secrets are never taken for public keys.
    2: 'type',
    13: 'type',
    14: 'type',
    15: 'type',
  },
}

/** What becomes of the secrets that stand alone when an application hands one over. */
export const secretBaseline: Baseline = { vectors: 11, differ: {} }

const shared = new URL('../../../shared/', import.meta.url)
const folder = new URL('vectors/wycheproof/', shared)
const files = [...Object.keys(rawFiles), jwsFile, jwkFile]

/** The files that are not there, and whether they may be absent. */
export function findMissing(): { readonly missing: readonly string[]; readonly excused: boolean } {
  const missing = files.filter((file) => !existsSync(new URL(file, folder)))
  const expected = process.env['CI'] !== undefined && existsSync(shared)
  return { missing, excused: missing.length === files.length && !expected }
}

function readGroups<Group>(file: string): readonly Group[] {
  const { testGroups } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as {
    readonly testGroups: readonly Group[]
  }
  return testGroups
}

/** A vector of any file, and what the core says of it. */
export interface Judged extends Vector {
  readonly verdict: Verdict
}

/** Signatures go straight to the core's verification, with a key that its hygiene has imported. */
export function judgeRawFile(file: string, algorithm: AlgorithmName): readonly Judged[] {
  return readGroups<RawGroup>(file).flatMap(({ tests, ...group }) => {
    const key = readKey(jwkOf(group), algorithm)
    return tests.map((vector) => ({ ...vector, verdict: judgeRaw(vector, key, algorithm) }))
  })
}

function judgeRaw({ msg, sig }: RawVector, key: KeyObject | string, name: AlgorithmName): Verdict {
  if (typeof key === 'string') return key
  const message = Buffer.from(msg, 'hex').toString('latin1')
  return verifySignature(name, key, message, Buffer.from(sig, 'hex')) ? 'accepted' : 'signature'
}

/** Some groups have no JWK. */
function jwkOf({ publicKeyJwk, keyJwk, publicKeyDer }: Omit<RawGroup, 'tests'>): Jwk {
  const given = publicKeyJwk ?? keyJwk
  if (given !== undefined) return given
  const der = Buffer.from(publicKeyDer, 'hex')
  return createPublicKey({ key: der, format: 'der', type: 'spki' }).export({ format: 'jwk' }) as Jwk
}

const keys = createKeyCache()

/** The imported key, or why the core refuses it. */
function readKey(jwk: Jwk, algorithm: AlgorithmName): KeyObject | string {
  const key = keys.read(jwk, algorithm)
  return typeof key === 'string' ? key : (key.import()?.keyObject ?? 'point')
}

function readSecret(jwk: Jwk, algorithm: AlgorithmName): KeyObject | string {
  const key = importSecretJwk(jwk, algorithm)
  return typeof key === 'string' ? key : key.keyObject
}

/** The JWS vectors, each with the key that a server would hold. */
export function readJwsFile(): readonly (JwsVector & { readonly jwk: Jwk })[] {
  return readGroups<JwsGroup<Jwk>>(jwsFile).flatMap((group) =>
    group.tests.map((vector) => ({ ...vector, jwk: group.public ?? group.private })),
  )
}

export function judgeJwsFile(): readonly Judged[] {
  return readJwsFile().map(({ jwk, ...vector }) => {
    const read = jwk['kty'] === 'oct' ? readSecret : readKey
    return { ...vector, verdict: judgeJws(vector.jws, (algorithm) => read(jwk, algorithm)) }
  })
}

/** Every key of a set as a public key, whatever it is; the one with the right `kid` counts. */
export function judgeJwkFile(): readonly Judged[] {
  return readJwkFile().map(({ jwks, ...vector }) => ({
    ...vector,
    verdict: judgeJws(vector.jws, (algorithm, kid) => {
      const jwk = jwks.find((candidate) => candidate['kid'] === kid)
      return jwk === undefined ? 'kid' : readKey(jwk, algorithm)
    }),
  }))
}

/** The keys that stand alone and are symmetric, as an application would hand one over. */
export function judgeSecrets(): readonly Judged[] {
  return readJwkFile().flatMap(({ jwks: [jwk, ...others], ...vector }) => {
    if (jwk?.['kty'] !== 'oct' || others.length > 0) return []
    return [{ ...vector, verdict: judgeJws(vector.jws, (algorithm) => readSecret(jwk, algorithm)) }]
  })
}

function readJwkFile(): readonly (JwsVector & { readonly jwks: readonly Jwk[] })[] {
  type Keys = { readonly keys: readonly Jwk[] }
  return readGroups<JwsGroup<Keys>>(jwkFile).flatMap((group) =>
    group.tests.map((vector) => ({ ...vector, jwks: (group.public ?? group.private).keys })),
  )
}

type FindKey = (algorithm: AlgorithmName, kid: unknown) => KeyObject | string

/** The way of a signature through the core: strict gate, header, key hygiene, verification. */
function judgeJws(jws: string, findKey: FindKey): Verdict {
  try {
    const { header, signature } = readGate(jws)
    refuseExtensions(header)
    const algorithm = readAlgorithm(header['alg'], allAlgorithms)
    const key = findKey(algorithm, header['kid'])
    if (typeof key === 'string') return key
    const signingInput = jws.slice(0, jws.lastIndexOf('.'))
    return verifySignature(algorithm, key, signingInput, signature) ? 'accepted' : 'signature'
  } catch (error) {
    if (error instanceof PopError) return error.code
    throw error
  }
}

/**
 * The payloads of the vectors are text, bytes or nothing, and the gate wants an object. It gets one in
 * their place; their spelling is judged by the same function.
 */
function readGate(jws: string): ReturnType<typeof readCompactJws> {
  const code = 'ERR_POP_PROOF_MALFORMED'
  const payload = jws.split('.')[1] ?? ''
  if (payload !== '' && decodeBase64Url(payload) === undefined) throw new PopError(code)
  return readCompactJws(jws.replace(/\.[^.]*/, '.e30'), code)
}

interface Row {
  readonly cases: number
  readonly differ: readonly number[]
}

const rows = new Map<string, Row>()

/** Adds to the row of this name. */
export function report(name: string, cases: number, differ: readonly number[] = []): void {
  const row = rows.get(name) ?? { cases: 0, differ: [] }
  rows.set(name, { cases: row.cases + cases, differ: [...row.differ, ...differ] })
}

export function formatReport(): string {
  const lines = [...rows].map(([name, { cases, differ }]) =>
    [name, cases, cases - differ.length, differ.length, differ.join(' ')].map(String),
  )
  return [['', 'cases', 'agree', 'differ', 'tcId'], ...lines]
    .map(([name = '', cases = '', agree = '', differ = '', ids = '']) =>
      `${name.padEnd(40)}${cases.padStart(7)}${agree.padStart(7)}${differ.padStart(8)}  ${ids}`.trimEnd(),
    )
    .join('\n')
}
