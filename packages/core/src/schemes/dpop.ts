import type { Coverage } from '../access-token.ts'
import { expectedTargetUri, matchesTargetUri } from '../binding/target-uri.ts'
import { confirmDpopKey } from '../confirmation/jkt.ts'
import { importPublic, inspectPublic } from '../confirmation/jwk.ts'
import { PopError } from '../errors.ts'
import { sha256 } from '../hash.ts'
import {
  asymmetricAlgorithms,
  verifySignature,
  type AlgorithmName,
  readAlgorithms,
} from '../jws/algorithms.ts'
import { readCompactJws, type CompactJws } from '../jws/compact.ts'
import { createKeyCache, type KeyCache, type PublicKey } from '../keys/key-cache.ts'
import { flag, readOptions, wholeNumber } from '../option-readers.ts'
import { headerLines, type HttpRequest } from '../request.ts'
import {
  checkNonce,
  checkTime,
  isIdentifier,
  isNumericDate,
  missing,
  readAlgorithm,
  refuseExtensions,
  secondsForm,
  wrongForm,
} from './proof-checks.ts'
import type { Credential, Exchange, Proof, Scheme } from './scheme.ts'

export interface DpopOptions {
  /** Accepted proof algorithms, asymmetric only. Default every one that we know. */
  readonly algorithms?: readonly string[]
  /** The longest accepted proof, in characters. Default 8192. */
  readonly maxProofLength?: number
  /**
   * Accept proofs that do not name an access token (`ath`), as Solid's clients write them.
   * Whoever can have a proof signed, but not see the key, can then use it with any token of that key,
   * also with one that is issued later. An `ath` that is there is still compared. Default false.
   */
  readonly dangerouslyWithoutAth?: boolean
}

export interface DpopProof extends Proof, CompactJws {
  readonly algorithm: AlgorithmName
  readonly key: PublicKey
  readonly issuedAt: number
  readonly jti: string
}

const longestJti = 256
const optionNames = ['algorithms', 'maxProofLength', 'dangerouslyWithoutAth']

/**
 * Demonstrating Proof of Possession: `Authorization: DPoP <access token>` with a proof in the
 * `DPoP` header.
 *
 * @throws TypeError with `code` for wrong options
 * @see [RFC 9449 section 4.3, 7.1](https://www.rfc-editor.org/rfc/rfc9449#section-4.3)
 */
export function dpop(options: DpopOptions = {}): Scheme {
  const own = readOptions('dpop', options, optionNames)
  const isOptional = flag('dpop dangerouslyWithoutAth', own.dangerouslyWithoutAth)
  return createDpopScheme(own, isOptional ? 'optional' : 'required') as Scheme
}

/** What becomes of `ath`, the hash of the access token; none where a proof is sent to get a token. */
type TokenHash = 'required' | 'optional' | 'none'

/**
 * Every check of a DPoP proof. At a token endpoint there is no access token: none is hashed, and `confirm`
 * has nothing to ask for.
 *
 * @throws TypeError with `code` for wrong options
 */
export function createDpopScheme(
  own: Omit<DpopOptions, 'dangerouslyWithoutAth'>,
  tokenHash: TokenHash,
): Scheme<DpopProof> & { readonly algs: readonly AlgorithmName[] } {
  const algorithms = readAlgorithms(
    'dpop',
    own.algorithms,
    asymmetricAlgorithms,
    asymmetricAlgorithms,
  )
  const maxProofLength = wholeNumber('dpop maxProofLength', own.maxProofLength, 8192)
  const keys = createKeyCache()

  return Object.freeze({
    name: 'DPoP',
    challenge: 'DPoP',
    proofError: 'invalid_dpop_proof',
    nonceError: 'use_dpop_nonce',
    algs: algorithms,
    accepts: (word) => word === 'dpop',
    read(credential, exchange) {
      const text = readProofHeader(exchange.request, maxProofLength)
      return readProof(text, credential, exchange, { algorithms, keys, tokenHash })
    },
    async confirm({ algorithm, key }, token) {
      confirmDpopKey(token, key, { algorithm, keys })
      return importPublic(key, 'ERR_POP_PROOF_KEY_INVALID')
    },
    verify({ algorithm, signingInput, signature }, key) {
      if (
        key === undefined ||
        !verifySignature(algorithm, key.keyObject, signingInput, signature)
      ) {
        throw new PopError('ERR_POP_PROOF_SIGNATURE_INVALID')
      }
    },
    compare: async (proof, exchange) => compareProof(proof, exchange, tokenHash),
    identify: ({ jti, issuedAt }) => ({ id: jti, issuedAt }),
  } satisfies Scheme<DpopProof>)
}

/** RFC 9449 section 4.3 step 1: exactly one `DPoP` header. */
function readProofHeader(request: HttpRequest, maxLength: number): string {
  const [line, ...more] = headerLines(request, 'dpop')
  if (line === undefined || line === '')
    throw new PopError('ERR_POP_PROOF_MISSING', { member: 'DPoP' })
  if (more.length > 0 || line.includes(','))
    throw new PopError('ERR_POP_PROOF_REPEATED', { member: 'DPoP' })
  if (line.length > maxLength) {
    throw new PopError('ERR_POP_PROOF_TOO_LONG', {
      member: 'DPoP',
      expected: maxLength,
      actual: line.length,
    })
  }
  return line
}

interface ProofRules {
  readonly algorithms: readonly AlgorithmName[]
  readonly keys: KeyCache
  readonly tokenHash: TokenHash
}

const members = ['jti', 'htm', 'htu', 'iat']

/** RFC 9449 section 4.3 steps 2 to 7 and 11, but for the signature. */
function readProof(
  text: string,
  credential: Credential,
  exchange: Exchange,
  { algorithms, keys, tokenHash }: ProofRules,
): DpopProof {
  const jws = readCompactJws(text, 'ERR_POP_PROOF_MALFORMED')
  const { header, payload } = jws
  refuseExtensions(header)
  if (header['typ'] !== 'dpop+jwt') {
    throw new PopError('ERR_POP_PROOF_TYPE', {
      member: 'typ',
      expected: 'dpop+jwt',
      actual: header['typ'],
    })
  }
  const algorithm = readAlgorithm(header['alg'], algorithms)
  const { jti, nonce, iat } = payload
  const required = tokenHash === 'required' ? [...members, 'ath'] : members
  const absent = required.find((member) => payload[member] === undefined)
  if (absent !== undefined) throw missing(absent)
  if (!isIdentifier(jti, longestJti)) throw wrongForm('jti', `1 to ${longestJti} characters`)
  if (nonce !== undefined && typeof nonce !== 'string') throw wrongForm('nonce')
  if (!isNumericDate(iat)) throw wrongForm('iat', secondsForm)
  checkTime('iat', iat, { value: nonce, purpose: 'DPoP' }, exchange)
  checkValidity(payload, exchange)
  const key = inspectPublic(header['jwk'], { algorithm, keys }, 'ERR_POP_PROOF_KEY_INVALID')
  return { ...jws, accessToken: credential.value, algorithm, key, issuedAt: iat, jti, nonce }
}

/** A proof is a JWT, so `exp` and `nbf` count when it has them (RFC 7519 section 4.1). */
function checkValidity(payload: Readonly<Record<string, unknown>>, exchange: Exchange): void {
  const { exp, nbf } = payload
  const { now, clockToleranceSeconds: tolerance } = exchange
  if (exp !== undefined && (typeof exp !== 'number' || !Number.isFinite(exp)))
    throw wrongForm('exp', secondsForm)
  if (nbf !== undefined && (typeof nbf !== 'number' || !Number.isFinite(nbf)))
    throw wrongForm('nbf', secondsForm)
  if (exp !== undefined && now - tolerance >= exp)
    throw new PopError('ERR_POP_PROOF_EXPIRED', { member: 'exp' })
  if (nbf !== undefined && now + tolerance < nbf) {
    throw new PopError('ERR_POP_PROOF_NOT_YET_VALID', { member: 'nbf' })
  }
}

/** RFC 9449 section 4.3 steps 8, 9, 12 and 10: method, URI, token hash, nonce. */
function compareProof(proof: DpopProof, exchange: Exchange, tokenHash: TokenHash): Coverage {
  const { htm, htu, ath } = proof.payload
  const { request, target, locations } = exchange
  if (htm !== request.method) {
    throw new PopError('ERR_POP_METHOD_MISMATCH', {
      member: 'htm',
      expected: request.method,
      actual: htm,
    })
  }
  if (typeof htu !== 'string' || !matchesTargetUri(htu, target, locations)) {
    const expected = locations.map((location) => expectedTargetUri(location, target))
    throw new PopError('ERR_POP_URI_MISMATCH', {
      member: 'htu',
      expected,
      actual: withoutQuery(htu),
    })
  }
  const isHashed = tokenHash === 'required' || (tokenHash === 'optional' && ath !== undefined)
  if (isHashed && ath !== sha256(proof.accessToken))
    throw new PopError('ERR_POP_TOKEN_HASH_MISMATCH', { member: 'ath' })
  checkNonce(proof.nonce, 'DPoP', exchange)
  return {
    method: true,
    host: true,
    path: true,
    query: [],
    queryComplete: target.query === '',
    headers: [],
    body: false,
  }
}

/** A query that somebody put into `htu` is no business of a log. */
function withoutQuery(htu: unknown): unknown {
  return typeof htu === 'string' ? htu.split(/[?#]/, 1)[0] : htu
}
