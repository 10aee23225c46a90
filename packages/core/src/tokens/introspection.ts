import {
  allowInsecureRequests,
  ClientSecretBasic,
  customFetch,
  introspectionRequest,
  type AuthorizationServer,
  type ClientAuth,
} from 'oauth4webapi'
import { asError, PopError, optionError } from '../errors.ts'
import { parseStrictObject } from '../jws/strict-json.ts'
import type { Jwk } from '../keys/jwk.ts'
import { nonEmptyString, oneOrMore, readOptions, secureUrl } from '../option-readers.ts'
import { boundQuestions } from './bounded-questions.ts'
import { readClaims } from './claims.ts'
import { createDecrypt } from './decryption.ts'
import { limitedFetch } from './limited-fetch.ts'
import { seal, type TokenResolver } from './resolver.ts'
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
  /** The introspection endpoint: https, or http on loopback. */
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
  /** Default the global `fetch`. */
  readonly fetch?: typeof fetch
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
]

const answerLimits = { milliseconds: 2000, bytes: 64 * 1024 }
const questionLimits = { inFlight: 16, waiting: 256, milliseconds: 2000 }
const longestCacheSeconds = 30
const longestPauseSeconds = 30

/**
 * Opaque access tokens, looked up at the authorization server (RFC 7662). Recognises every token
 * that no resolver before it has recognised. `active` must be the literal `true`. At most 16
 * questions are asked at once, and 256 more wait. No answer within 2 seconds, a status other than
 * 200, a redirect, more than 64 KiB or anything that is not a JSON object is an outage: 503, never a
 * refused token. After a 429 nothing is asked for as long as the server says, at most 30 seconds.
 *
 * @throws TypeError with `code` for wrong options
 */
export function introspectedTokens(options: IntrospectedTokensOptions): TokenResolver {
  const own = readOptions('introspectedTokens', options, known)
  const ask = createQuestion(own)
  const audience = readAudience(own)
  const keyMember = own.keyMember ?? 'access_token_key'
  const decrypt = own.decryptionKeys && createDecrypt(structuredClone(own.decryptionKeys))
  const { cache, seconds } = readCache(own.cache)

  return {
    async resolve(token, { sha256 }) {
      const remembered = await cache.get(sha256)
      if (remembered !== undefined) return remembered
      const response = await ask(token)
      const until = performance.now() + seconds * 1000
      if (response['active'] !== true) {
        throw new PopError('ERR_POP_TOKEN_INACTIVE', { member: 'active', expected: true })
      }
      const claims = readClaims(response, { audience, keyMember, ...(decrypt && { decrypt }) })
      const resolved = seal(claims)
      if (resolved.expiresAt !== undefined) {
        const isCurrent = (): boolean => performance.now() < until
        cache.add(sha256, { resolved, bytes: token.length, isCurrent })
      }
      return resolved
    },
  }
}

function readAudience(options: IntrospectedTokensOptions): readonly string[] | undefined {
  if (options.dangerouslyAnyAudience === true) return undefined
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
  if (authenticate === undefined) {
    return ClientSecretBasic(nonEmptyString('introspectedTokens clientSecret', clientSecret))
  }
  if (typeof authenticate === 'function' && clientSecret === undefined) return authenticate
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    'introspectedTokens takes either clientSecret or authenticate, a function',
  )
}

function createQuestion(
  options: IntrospectedTokensOptions,
): (token: string) => Promise<Record<string, unknown>> {
  const endpoint = secureUrl('introspectedTokens endpoint', options.endpoint)
  const clientId = nonEmptyString('introspectedTokens clientId', options.clientId)
  const authentication = readAuthentication(options)
  if (options.fetch !== undefined && typeof options.fetch !== 'function') {
    throw optionError('ERR_POP_OPTION_INVALID', 'introspectedTokens fetch must be a function')
  }
  const server: AuthorizationServer = {
    issuer: endpoint.origin,
    introspection_endpoint: endpoint.href,
  }
  const ownFetch = limitedFetch(answerLimits, options.fetch)
  const askBounded = boundQuestions(questionLimits)
  let pausedUntil = -Infinity

  async function send(token: string, signal: AbortSignal): Promise<Response> {
    if (performance.now() < pausedUntil) throw new Error('introspection asked for a pause')
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
    if (response.status === 429) pausedUntil = performance.now() + pauseOf(response)
    return response
  }

  return async function ask(token) {
    try {
      return await readAnswer(await askBounded((signal) => send(token, signal)))
    } catch (error) {
      throw new PopError('ERR_POP_TOKEN_SOURCE_UNAVAILABLE', asError(error))
    }
  }
}

/** Milliseconds; RFC 9110 section 10.2.3, in its form of seconds. */
function pauseOf(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 1)
  return Math.min(longestPauseSeconds, Number.isFinite(seconds) ? Math.max(1, seconds) : 1) * 1000
}

async function readAnswer(response: Response): Promise<Record<string, unknown>> {
  if (response.status !== 200) throw new Error(`introspection answered ${response.status}`)
  const answer = parseStrictObject(Buffer.from(await response.arrayBuffer()))
  if (answer === undefined) throw new Error('introspection did not answer with a JSON object')
  return answer
}
