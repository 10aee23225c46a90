import { confirmPopKey } from '../../confirmation/pop-key.ts'
import { PopError } from '../../errors.ts'
import { verifySignature, type AlgorithmName } from '../../jws/algorithms.ts'
import { readCompactJws, type CompactJws } from '../../jws/compact.ts'
import { createKeyCache } from '../../keys/key-cache.ts'
import { headerLines } from '../../request.ts'
import { createJkuKeys } from '../../tokens/jku-keys.ts'
import { compareSignedRequest, type SignedRequest } from './comparison.ts'
import {
  parameterName,
  readPopSettings,
  type PopMember,
  type PopOptions,
  type PopSettings,
} from './options.ts'
import {
  checkTime,
  isIdentifier,
  isTimestamp,
  missing,
  readAlgorithm,
  refuseExtensions,
  wrongForm,
} from '../proof-checks.ts'
import type { Credential, Exchange, Scheme } from '../scheme.ts'

const longestNonce = 128
const longestJti = 256

/** For whoever sends the access token itself. */
const proofForm = 'a signed request that holds the access token in at'

interface PopProof extends SignedRequest, CompactJws {
  readonly algorithm: AlgorithmName
  readonly issuedAt: number
  readonly jti: string | undefined
  readonly underBearer: boolean
}

/**
 * Signed HTTP requests: `Authorization: PoP <JWS>`, where one JWS holds the access token and what
 * it is good for.
 *
 * @throws TypeError with `code` for wrong options
 * @see draft-ietf-oauth-signed-http-request-03
 */
export function pop(options: PopOptions = {}): Scheme {
  const settings = readPopSettings(options)
  const { transports, bearerScheme, resolveKey, jkuHosts, fetching } = settings
  const keys = createKeyCache()
  const findJkuKey = jkuHosts.length === 0 ? undefined : createJkuKeys(jkuHosts, fetching)

  return Object.freeze<Scheme<PopProof>>({
    name: 'PoP',
    challenge: 'PoP',
    proofError: 'invalid_token',
    nonceError: 'use_pop_nonce',
    signs: ['query', 'headers', 'body'],
    parameter: { name: parameterName, transports },
    ...(bearerScheme && { words: ['bearer'] }),
    accepts(word, value) {
      if (word === 'pop') return transports.includes('header')
      return bearerScheme && word === 'bearer' && isTypedProof(value)
    },
    read: (credential, exchange) => readProof(credential, exchange, settings),
    confirm({ algorithm, payload }, token) {
      const proofConfirmation = payload['cnf']
      return confirmPopKey(token, {
        algorithm,
        keys,
        proofConfirmation,
        resolveKey,
        findJkuKey,
      })
    },
    verify({ algorithm, signingInput, signature }, key) {
      if (
        key === undefined ||
        !verifySignature(algorithm, key.keyObject, signingInput, signature)
      ) {
        throw new PopError('ERR_POP_PROOF_SIGNATURE_INVALID')
      }
    },
    compare: (proof, exchange) => compareSignedRequest(proof, exchange, settings),
    identify(proof, { nonces }) {
      if (settings.reusable && isReusable(proof)) return undefined
      const { jti, nonce, signingInput, issuedAt } = proof
      // A nonce of ours serves many requests, so it cannot name one.
      const named = jti ?? (nonces === undefined ? nonce : undefined)
      return { id: named ?? signingInput, issuedAt }
    },
  }) as Scheme
}

/** kubelogin's proofs name no method and no path; one that does was made for a single request. */
function isReusable({ underBearer, payload }: PopProof): boolean {
  return underBearer && payload['m'] === undefined && payload['p'] === undefined
}

/** Everything that can be said without key and token, cheapest first. */
function readProof(credential: Credential, exchange: Exchange, settings: PopSettings): PopProof {
  if (headerLines(exchange.request, 'dpop').length > 0) {
    throw new PopError('ERR_POP_CREDENTIAL_REPEATED', { member: 'dpop' })
  }
  const jws = readCompactJws(credential.value, 'ERR_POP_PROOF_MALFORMED', proofForm)
  refuseExtensions(jws.header)
  const underBearer = credential.word === 'bearer'
  checkType(jws, underBearer ? ['pop'] : settings.types)
  const algorithm = readAlgorithm(jws.header['alg'], settings.algorithms)
  const payload = withoutNulls(jws.payload)
  const accessToken = payload['at']
  if (accessToken === undefined || accessToken === '') throw missing('at', proofForm)
  if (typeof accessToken !== 'string') throw wrongForm('at')
  checkRequired(payload, settings.required)
  const issuedAt = readTimestamp(payload['ts'], settings.stringTimestamps)
  const nonce = readIdentifier('nonce', payload['nonce'], longestNonce)
  checkTime('ts', issuedAt, { value: nonce, purpose: 'PoP' }, exchange)
  return {
    ...jws,
    payload,
    algorithm,
    accessToken,
    issuedAt,
    jti: readIdentifier('jti', payload['jti'], longestJti),
    nonce,
    transport: credential.transport,
    underBearer,
  }
}

/** `null` stands for an absent member in Microsoft's implementations. */
function withoutNulls(
  payload: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const names = Object.keys(payload)
  if (names.every((name) => payload[name] !== null)) return payload
  return Object.fromEntries(
    names.filter((name) => payload[name] !== null).map((name) => [name, payload[name]]),
  )
}

function checkType({ header, payload }: CompactJws, accepted: readonly unknown[]): void {
  const { typ } = header as { typ?: unknown }
  const actual = typeof typ === 'string' ? typ.toLowerCase() : typ
  if (accepted.includes(actual)) return
  const types = accepted.map((one) => one ?? 'none')
  throw new PopError('ERR_POP_PROOF_TYPE', {
    member: 'typ',
    expected: Object.hasOwn(payload, 'at') ? types : [...types, 'of', proofForm],
    actual: typ === undefined ? 'none' : typ,
  })
}

function checkRequired(
  payload: Readonly<Record<string, unknown>>,
  required: readonly PopMember[],
): void {
  const absent = required.find((member) => payload[member] === undefined)
  if (absent !== undefined) throw missing(absent)
}

function readTimestamp(ts: unknown, strings: boolean): number {
  const value = strings && typeof ts === 'string' && /^[0-9]{1,16}$/.test(ts) ? Number(ts) : ts
  if (isTimestamp(value)) return value
  const advice = typeof ts === 'string' ? ' or pop({ stringTimestamps: true })' : ''
  throw wrongForm('ts', `a whole number of seconds${advice}`)
}

function readIdentifier(member: string, value: unknown, longest: number): string | undefined {
  if (value === undefined || isIdentifier(value, longest)) return value
  throw wrongForm(member, `1 to ${longest} characters`)
}

/** Recognises a proof under the Bearer scheme without refusing anything: access tokens come there too. */
function isTypedProof(value: string): boolean {
  try {
    const { header, payload } = readCompactJws(value, 'ERR_POP_PROOF_MALFORMED')
    const { typ } = header as { typ?: unknown }
    return typeof typ === 'string' && typ.toLowerCase() === 'pop' && Object.hasOwn(payload, 'at')
  } catch {
    return false
  }
}
