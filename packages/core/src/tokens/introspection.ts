import {
  allowInsecureRequests,
  ClientSecretBasic,
  customFetch,
  introspectionRequest,
  type AuthorizationServer,
  type ClientAuth,
} from 'oauth4webapi'
import { createBreaker, type Breaker } from '../breaker.ts'
import { asError, PopError, optionError } from '../errors.ts'
import { parseStrictObject } from '../jws/strict-json.ts'
import type { Jwk } from '../keys/jwk.ts'
import { flag, nonEmptyString, oneOrMore, readOptions, secureUrl } from '../option-readers.ts'
import { boundQuestions, type Lane } from './bounded-questions.ts'
import { readClaims, readKeyMember } from './claims.ts'
import { readDecrypt } from './decryption.ts'
import { limitedFetch, placeOf, readFetch } from './limited-fetch.ts'
import { createPace, type Pace } from './pace.ts'
import { createRecentTokens } from './recent-tokens.ts'
import { markOurs, seal, type TokenResolver } from './resolver.ts'
import {
  createTokenCache,
  noTokenCache,
  type TokenCache,
  type TokenCacheOptions,
} from './token-cache.ts'

/**
 * Adds this server's credentials to a question: to its body or headers. The `ClientAuth` functions of
 * oauth4webapi fit: `ClientSecretPost(secret)`, `PrivateKeyJwt(key)`, `ClientSecretJwt(secret)`.
 */
export type Authenticate = (
  server: { readonly issuer: string },
  client: { readonly client_id: string },
  body: URLSearchParams,
  headers: Headers,
) => void | Promise<void>

export interface IntrospectionCacheOptions extends TokenCacheOptions {
  /** How long an answer may be used again: 1 to 30. A revoked token is accepted for that long. */
  readonly seconds: number
}

export interface IntrospectedTokensOptions {
  /** The introspection endpoint: https, or http on loopback. Beyond it see `dangerouslyAllowHttp`. */
  readonly endpoint: string | URL
  /** This server's own identifier there. */
  readonly clientId: string
  /** Sent as `client_secret_basic`. Either this or `authenticate`. */
  readonly clientSecret?: string
  /**
   * Any other way to authenticate. The `issuer` that it gets is the origin of `endpoint`; a client
   * assertion for another audience needs `(server, ...rest) => PrivateKeyJwt(key)({ ...server, issuer }, ...rest)`.
   */
  readonly authenticate?: Authenticate
  /** A response must name at least one of these in `aud`. */
  readonly audience?: string | readonly string[]
  /** Accepts tokens for anybody: for servers whose responses have no `aud`. A token for another API is then a token for this one. */
  readonly dangerouslyAnyAudience?: boolean
  /** Where the response holds the public key when it has no `cnf`. Default `'access_token_key'`. */
  readonly keyMember?: string
  /** Private keys for keys in `cnf.jwe`. */
  readonly decryptionKeys?: readonly Jwk[]
  /** Default none: every request is a question. Answers without `exp` are never kept. */
  readonly cache?: IntrospectionCacheOptions
  /** Default the global `fetch`. For proxies and private certificate authorities. */
  readonly fetch?: typeof fetch
  /** Whoever is on the way can read tokens and your secret, and answer for the server: takes `endpoint` with plain http. */
  readonly dangerouslyAllowHttp?: boolean
}

const known = [
  'endpoint',
  'clientId',
  'clientSecret',
  'authenticate',
  'audience',
  'dangerouslyAnyAudience',
  'keyMember',
  'decryptionKeys',
  'cache',
  'fetch',
  'dangerouslyAllowHttp',
]

const answerLimits = { milliseconds: 2000, bytes: 64 * 1024 }
const questionLimits = { inFlight: 16, ofOneLane: 12, waiting: 256, milliseconds: 2000 }
const longestCacheSeconds = 30

/** The lanes of questions: tokens lately seen active come first. */
const [lately, strange] = [0, 1] as const
const laneNames = ['tokens lately active', 'other tokens'] as const
/** How often a paused server is asked in each lane, in milliseconds. */
const probeEvery = [250, 1000] as const
const mostRecent = 10_000
const recentFor = 600_000

/**
 * Opaque access tokens, looked up at the authorization server (RFC 7662). Recognises every token
 * that no resolver before it has recognised. `active` must be the literal `true`. A server that says
 * with status 400 that it cannot look this token up refuses it; otherwise no answer within 2 seconds, a
 * status other than 200, a redirect, more than 64 KiB or anything that is not a JSON object is an
 * outage: 503, never a refused token.
 *
 * At most 16 questions are asked at once. Tokens that were active within the last ten minutes have a
 * lane of their own, so that strangers with made-up tokens cannot keep them out: at most 12 questions
 * are of one lane, 256 more wait in each, and a 429 pauses the lane that it answers. A paused lane
 * asks four questions (strangers: one) in a second until one is answered; a lane in which the server
 * does not answer asks two.
 *
 * @throws TypeError with `code` for wrong options
 */
export function introspectedTokens(options: IntrospectedTokensOptions): TokenResolver {
  const own = readOptions('introspectedTokens', options, known)
  const ask = createQuestion(own)
  const audience = readAudience(own)
  const keyMember = readKeyMember('introspectedTokens', own.keyMember)
  const decrypt = readDecrypt('introspectedTokens', own.decryptionKeys)
  const { cache, seconds } = readCache(own.cache)
  const recent = createRecentTokens(mostRecent, recentFor)

  return markOurs({
    async resolve(token, { sha256 }) {
      const remembered = await cache.get(sha256)
      if (remembered !== undefined) return remembered
      const response = await ask(recent.has(sha256) ? lately : strange, token)
      const until = performance.now() + seconds * 1000
      const actual = response['active']
      if (actual !== true) {
        recent.remove(sha256)
        throw new PopError('ERR_POP_TOKEN_INACTIVE', { member: 'active', expected: true, actual })
      }
      const claims = readClaims(response, { audience, keyMember, decrypt })
      const resolved = seal(claims)
      recent.add(sha256)
      if (resolved.expiresAt !== undefined) {
        const isCurrent = (): boolean => performance.now() < until
        cache.add(sha256, { resolved, bytes: token.length, isCurrent })
      }
      return resolved
    },
  })
}

function readAudience(options: IntrospectedTokensOptions): readonly string[] | undefined {
  if (options.dangerouslyAnyAudience === true) return undefined
  if (options.audience === undefined) {
    throw optionError(
      'ERR_POP_OPTION_MISSING',
      'introspectedTokens audience is missing: write what answers have in aud, or dangerouslyAnyAudience: true where they have none',
    )
  }
  return oneOrMore('introspectedTokens audience', options.audience)
}

function readCache(options: IntrospectionCacheOptions | undefined): {
  readonly cache: TokenCache
  readonly seconds: number
} {
  if (options === undefined) return { cache: noTokenCache, seconds: 0 }
  const { seconds, ...bounds } = options
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= longestCacheSeconds) {
    return { cache: createTokenCache(bounds), seconds }
  }
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    `introspectedTokens cache needs seconds, from 1 to ${longestCacheSeconds}: cache: { seconds: 10 }`,
  )
}

function readAuthentication({ clientSecret, authenticate }: IntrospectedTokensOptions): ClientAuth {
  if (authenticate === undefined && clientSecret === undefined) {
    throw optionError(
      'ERR_POP_OPTION_MISSING',
      'introspectedTokens clientSecret is missing: write it, or authenticate: PrivateKeyJwt(key) or another way',
    )
  }
  if (authenticate === undefined) {
    return ClientSecretBasic(nonEmptyString('introspectedTokens clientSecret', clientSecret))
  }
  if (typeof authenticate === 'function' && clientSecret === undefined) return authenticate
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    'introspectedTokens takes either clientSecret or authenticate, a function',
  )
}

type Ask = (lane: Lane, token: string) => Promise<Record<string, unknown>>

function createQuestion(options: IntrospectedTokensOptions): Ask {
  const insecure = flag('introspectedTokens dangerouslyAllowHttp', options.dangerouslyAllowHttp)
  const endpoint = secureUrl('introspectedTokens endpoint', options.endpoint, insecure)
  const clientId = nonEmptyString('introspectedTokens clientId', options.clientId)
  const authentication = readAuthentication(options)
  const server: AuthorizationServer = {
    issuer: endpoint.origin,
    introspection_endpoint: endpoint.href,
  }
  const ownFetch = limitedFetch(answerLimits, readFetch('introspectedTokens', options.fetch))
  const askBounded = boundQuestions(questionLimits)
  const paces = probeEvery.map((every) => createPace(placeOf(endpoint), every))
  const breakers = laneNames.map((name) => createBreaker(`${placeOf(endpoint)} (${name})`))

  let understood = false

  async function request(lane: Lane, token: string, signal: AbortSignal): Promise<Response> {
    const breaker = breakers[lane] as Breaker
    const startedAt = breaker.start()
    try {
      const response = await send(token, signal)
      breaker.answered(startedAt)
      return response
    } catch (error) {
      breaker.failed(error)
      throw error
    }
  }

  async function send(token: string, signal: AbortSignal): Promise<Response> {
    const response = await introspectionRequest(
      server,
      { client_id: clientId },
      authentication,
      token,
      {
        signal,
        [allowInsecureRequests]: endpoint.protocol === 'http:',
        [customFetch]: ownFetch,
      },
    )
    if (response.status < 500) return response
    throw new Error(`${placeOf(endpoint)} answered ${response.status}`)
  }

  return async function ask(lane, token) {
    try {
      return await askBounded(lane, async (signal) => {
        const heard = (paces[lane] as Pace).start()
        const response = await request(lane, token, signal)
        heard(response)
        const refusal = await readRefusal(response, understood)
        if (refusal !== undefined) return { active: refusal }
        const answer = await readAnswer(response, endpoint)
        understood = true
        return answer
      })
    } catch (error) {
      throw new PopError('ERR_POP_TOKEN_SOURCE_UNAVAILABLE', asError(error))
    }
  }
}

/** Words for a token that the server cannot look up (RFC 7009 section 2.2.1, RFC 6749 section 5.2). */
const aboutTheToken = ['unsupported_token_type', 'invalid_token', 'invalid_grant']

/**
 * A server may refuse the question because of the token, such as a JWT of another issuer, with one of
 * these words. It says `invalid_request` for a question that lacks something too, but not once it has
 * understood one of ours.
 */
async function readRefusal(response: Response, understood: boolean): Promise<string | undefined> {
  if (response.status !== 400) return undefined
  const { error } = parseStrictObject(Buffer.from(await response.clone().arrayBuffer())) ?? {}
  const words = understood ? [...aboutTheToken, 'invalid_request'] : aboutTheToken
  return words.find((word) => word === error)
}

async function readAnswer(response: Response, endpoint: URL): Promise<Record<string, unknown>> {
  const where = placeOf(endpoint)
  if (response.status !== 200) throw new Error(`${where} answered ${response.status}`)
  if (/^application\/token-introspection\+jwt/i.test(response.headers.get('content-type') ?? '')) {
    throw new Error(`${where} answered with a signed JWT (RFC 9701), which is not read here`)
  }
  const answer = parseStrictObject(Buffer.from(await response.arrayBuffer()))
  if (answer === undefined) throw new Error(`${where} did not answer with a JSON object`)
  return answer
}
