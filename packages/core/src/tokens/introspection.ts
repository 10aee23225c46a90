import {
  allowInsecureRequests,
  ClientSecretBasic,
  customFetch,
  introspectionRequest,
  type AuthorizationServer,
  type ClientAuth,
} from 'oauth4webapi'
import { PopError, optionError } from '../errors.ts'
import { parseStrictObject } from '../jws/strict-json.ts'
import type { Jwk } from '../keys/jwk.ts'
import { nonEmptyString, oneOrMore, readOptions, secureUrl } from '../option-readers.ts'
import { readClaims } from './claims.ts'
import { createDecrypt } from './decryption.ts'
import { limitedFetch } from './limited-fetch.ts'
import { seal, type TokenResolver } from './resolver.ts'

export interface IntrospectedTokensOptions {
  /** The introspection endpoint: https, or http on loopback. */
  readonly endpoint: string | URL
  /** This server's own credentials there, sent as `client_secret_basic`. */
  readonly clientId: string
  readonly clientSecret: string
  /** A response must name at least one of these in `aud`. */
  readonly audience?: string | readonly string[]
  /** Accepts tokens for anybody: for servers whose responses have no `aud`. A token for another API is then a token for this one. */
  readonly dangerouslyAnyAudience?: boolean
  /** Where the response holds the public key when it has no `cnf`. Default `'access_token_key'`. */
  readonly keyMember?: string
  /** Private keys for keys in `cnf.jwe`. */
  readonly decryptionKeys?: readonly Jwk[]
  /** Default the global `fetch`. */
  readonly fetch?: typeof fetch
}

const known = [
  'endpoint',
  'clientId',
  'clientSecret',
  'audience',
  'dangerouslyAnyAudience',
  'keyMember',
  'decryptionKeys',
  'fetch',
]

const limits = { milliseconds: 2000, bytes: 64 * 1024 }

/**
 * Opaque access tokens, looked up at the authorization server on every request (RFC 7662).
 * Recognises every token that no resolver before it has recognised. `active` must be the literal
 * `true`. No answer within 2 seconds, a status other than 200, a redirect, more than 64 KiB or
 * anything that is not a JSON object is an outage: 503, never a refused token.
 *
 * @throws TypeError with `code` for wrong options
 */
export function introspectedTokens(options: IntrospectedTokensOptions): TokenResolver {
  const own = readOptions('introspectedTokens', options, known)
  const endpoint = secureUrl('introspectedTokens endpoint', own.endpoint)
  const ask = createQuestion(endpoint, own)
  const audience = readAudience(own)
  const keyMember = own.keyMember ?? 'access_token_key'
  const decrypt = own.decryptionKeys && createDecrypt(structuredClone(own.decryptionKeys))

  return {
    async resolve(token) {
      const response = await ask(token)
      if (response['active'] !== true) {
        throw new PopError('ERR_POP_TOKEN_INACTIVE', { member: 'active', expected: true })
      }
      return seal(readClaims(response, { audience, keyMember, ...(decrypt && { decrypt }) }))
    },
  }
}

function readAudience(options: IntrospectedTokensOptions): readonly string[] | undefined {
  if (options.dangerouslyAnyAudience === true) return undefined
  return oneOrMore('introspectedTokens audience', options.audience)
}

function createQuestion(
  endpoint: URL,
  options: IntrospectedTokensOptions,
): (token: string) => Promise<Record<string, unknown>> {
  const clientId = nonEmptyString('introspectedTokens clientId', options.clientId)
  const secret = nonEmptyString('introspectedTokens clientSecret', options.clientSecret)
  const server: AuthorizationServer = {
    issuer: endpoint.origin,
    introspection_endpoint: endpoint.href,
  }
  const authentication: ClientAuth = ClientSecretBasic(secret)
  if (options.fetch !== undefined && typeof options.fetch !== 'function') {
    throw optionError('ERR_POP_OPTION_INVALID', 'introspectedTokens fetch must be a function')
  }
  const ownFetch = limitedFetch(limits, options.fetch)

  return async function ask(token) {
    try {
      const response = await introspectionRequest(
        server,
        { client_id: clientId },
        authentication,
        token,
        {
          [allowInsecureRequests]: endpoint.protocol === 'http:',
          [customFetch]: ownFetch,
        },
      )
      return await readAnswer(response)
    } catch (error) {
      throw new PopError('ERR_POP_TOKEN_SOURCE_UNAVAILABLE', asError(error))
    }
  }
}

async function readAnswer(response: Response): Promise<Record<string, unknown>> {
  if (response.status !== 200) throw new Error(`introspection answered ${response.status}`)
  const answer = parseStrictObject(Buffer.from(await response.arrayBuffer()))
  if (answer === undefined) throw new Error('introspection did not answer with a JSON object')
  return answer
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('unknown error')
}
