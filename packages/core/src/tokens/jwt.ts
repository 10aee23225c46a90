import { compactVerify, errors, type VerifyOptions } from 'jose'
import { asError, PopError, optionError } from '../errors.ts'
import { asymmetricAlgorithms, type AlgorithmName, readAlgorithms } from '../jws/algorithms.ts'
import { readCompactJws, type CompactJws } from '../jws/compact.ts'
import type { Jwk } from '../keys/jwk.ts'
import { oneOrMore, readOptions, secureUrl } from '../option-readers.ts'
import { readClaims } from './claims.ts'
import { createDecrypt, type Decrypt } from './decryption.ts'
import { discoverKeySetUrl, fetchObject } from './discovery.ts'
import { fetchedKeys, fixedKeys, readKeySet, type KeySet, type KeySource } from './key-source.ts'
import { seal, type ResolvedToken, type TokenResolver } from './resolver.ts'
import { createTokenCache, noTokenCache, type TokenCacheOptions } from './token-cache.ts'

export interface JwtTokensOptions {
  /** The exact `iss` of accepted tokens. A token of any other issuer is not recognised. */
  readonly issuer: string | readonly string[]
  /** A token must name at least one of these in `aud`. */
  readonly audience: string | readonly string[]
  /**
   * The issuer's public keys: the URL of a JWK set (https, or http on loopback) or the set itself.
   * Default: found by discovery, for each issuer its own (RFC 8414, else OpenID Connect).
   */
  readonly jwks?: string | URL | { readonly keys: readonly Jwk[] }
  /** Accepted signature algorithms. Default every asymmetric one that we know. */
  readonly algorithms?: readonly string[]
  /**
   * Accepted `typ` headers, compared without case and without `application/`; `'none'` stands for
   * an absent one. Default `'at+jwt'` (RFC 9068 section 2.1); Entra, Keycloak and Auth0's default
   * profile write `'JWT'`.
   */
  readonly typ?: string | readonly string[]
  /** Private keys for encrypted access tokens and for keys in `cnf.jwe`. */
  readonly decryptionKeys?: readonly Jwk[]
  /**
   * How many verified tokens are remembered, so that a token is verified once and a proof every time.
   * `false` verifies every token every time.
   */
  readonly cache?: TokenCacheOptions | false
}

const known = ['issuer', 'audience', 'jwks', 'algorithms', 'typ', 'decryptionKeys', 'cache']

/**
 * Access tokens that are JWTs (RFC 9068), verified with jose. Recognises a JWS by its `iss`, and a
 * JWE when it has decryption keys. Requires `iss`, `aud` and `exp`, nothing else.
 *
 * Not checked here: revocation, `sub`, and what the claims mean. Expiry is the verifier's.
 *
 * @throws TypeError with `code` for wrong options
 * @see [RFC 8725 section 3](https://www.rfc-editor.org/rfc/rfc8725#section-3)
 */
export function jwtTokens(options: JwtTokensOptions): TokenResolver {
  const own = readOptions('jwtTokens', options, known)
  const issuers = oneOrMore('jwtTokens issuer', own.issuer)
  const audience = oneOrMore('jwtTokens audience', own.audience)
  const types = oneOrMore('jwtTokens typ', own.typ ?? 'at+jwt').map(mediaType)
  const algorithms = readAlgorithms(
    'jwtTokens',
    own.algorithms,
    asymmetricAlgorithms,
    asymmetricAlgorithms,
  )
  const cache = own.cache === false ? noTokenCache : createTokenCache(own.cache ?? {})
  const sources = readKeySources(own.jwks, issuers, algorithms)
  const decrypt = own.decryptionKeys && createDecrypt(structuredClone(own.decryptionKeys))

  return {
    async resolve(token, { sha256 }): Promise<ResolvedToken | undefined> {
      const known = await cache.get(sha256)
      if (known !== undefined) return known
      const jws = await openToken(token, decrypt)
      if (jws === undefined) return undefined
      const parsed = readCompactJws(jws, 'ERR_POP_TOKEN_MALFORMED')
      const { iss, exp } = parsed.payload as { iss?: unknown; exp?: unknown }
      if (typeof iss !== 'string' || !issuers.includes(iss)) return undefined
      checkType(parsed, types)
      refuseExtensions(parsed)
      const source = sources.get(iss) as KeySource
      const keys = await checkSignature(jws, source, algorithms)
      if (exp === undefined) throw new PopError('ERR_POP_TOKEN_CLAIM_INVALID', { member: 'exp' })
      const claims = readClaims(parsed.payload, { audience, ...(decrypt && { decrypt }) })
      const resolved = seal(claims)
      const isCurrent = async (): Promise<boolean> => (await source.current()) === keys
      cache.add(sha256, { resolved, bytes: token.length, isCurrent })
      return resolved
    },
  }
}

/** The JWS of a token, unwrapped if it is encrypted for us; undefined when it is neither. */
async function openToken(token: string, decrypt: Decrypt | undefined): Promise<string | undefined> {
  const segments = token.split('.', 6).length
  if (segments === 3) return token
  if (segments !== 5 || decrypt === undefined) return undefined
  const plaintext = await decrypt(token)
  if (plaintext === undefined) throw new PopError('ERR_POP_TOKEN_UNDECRYPTABLE')
  return Buffer.from(plaintext).toString('latin1')
}

function checkType({ header }: CompactJws, accepted: readonly string[]): void {
  const { typ } = header as { typ?: unknown }
  const actual = typ === undefined ? 'none' : typ
  if (typeof actual === 'string' && accepted.includes(mediaType(actual))) return
  throw new PopError('ERR_POP_TOKEN_TYPE', { member: 'typ', expected: accepted, actual })
}

/** No extension is understood here; jose would understand `b64`, and read another payload than we. */
function refuseExtensions({ header }: CompactJws): void {
  if (Object.hasOwn(header, 'crit'))
    throw new PopError('ERR_POP_TOKEN_SIGNATURE_INVALID', { member: 'crit' })
}

/** RFC 7515 section 4.1.9: `application/` may be left out, and media types have no case. */
function mediaType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}

async function checkSignature(
  jws: string,
  source: KeySource,
  algorithms: readonly AlgorithmName[],
): Promise<KeySet> {
  try {
    return await verifyWithKeys(jws, source, { algorithms: [...algorithms] })
  } catch (error) {
    throw isTokenFault(error)
      ? new PopError('ERR_POP_TOKEN_SIGNATURE_INVALID', error)
      : new PopError('ERR_POP_TOKEN_SOURCE_UNAVAILABLE', asError(error))
  }
}

/** Resolves to the keys that verified the token. Looks for new ones once when none fits. */
async function verifyWithKeys(
  jws: string,
  source: KeySource,
  options: VerifyOptions,
): Promise<KeySet> {
  const known = await source.current()
  try {
    await compactVerify(jws, known.find, options)
    return known
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
    const renewed = await source.renewed()
    if (renewed === known) throw error
    await compactVerify(jws, renewed.find, options)
    return renewed
  }
}

/** Where the keys of each issuer come from: keys are looked up by issuer and `kid`. */
function readKeySources(
  jwks: JwtTokensOptions['jwks'],
  issuers: readonly string[],
  algorithms: readonly AlgorithmName[],
): ReadonlyMap<string, KeySource> {
  if (jwks === undefined) {
    return new Map(issuers.map((issuer) => [issuer, discoveredKeys(issuer, algorithms)]))
  }
  const source = readKeySource(jwks, algorithms)
  return new Map(issuers.map((issuer) => [issuer, source]))
}

function readKeySource(
  jwks: NonNullable<JwtTokensOptions['jwks']>,
  algorithms: readonly AlgorithmName[],
): KeySource {
  if (typeof jwks === 'string' || jwks instanceof URL) {
    const url = secureUrl('jwtTokens jwks', jwks)
    return fetchedKeys(() => fetchKeySet(url, algorithms))
  }
  const set = readKeySet(jwks, algorithms)
  if (set !== undefined) return fixedKeys(set)
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    'jwtTokens jwks is not a JWK set with a public key for an accepted algorithm: { keys: [...] }',
  )
}

function discoveredKeys(issuer: string, algorithms: readonly AlgorithmName[]): KeySource {
  const url = secureUrl('jwtTokens issuer, without jwks,', issuer)
  return fetchedKeys(async () => fetchKeySet(await discoverKeySetUrl(url), algorithms))
}

async function fetchKeySet(url: URL, algorithms: readonly AlgorithmName[]): Promise<KeySet> {
  const set = readKeySet(await fetchObject(url), algorithms)
  if (set === undefined) throw new Error(`${url.origin} has no usable key`)
  return set
}

/** What jose reports about the token; everything else it throws is about the key source. */
const tokenFaults = new Set([
  'ERR_JWS_INVALID',
  'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  'ERR_JOSE_ALG_NOT_ALLOWED',
  'ERR_JOSE_NOT_SUPPORTED',
  'ERR_JWKS_NO_MATCHING_KEY',
  'ERR_JWKS_MULTIPLE_MATCHING_KEYS',
])

function isTokenFault(error: unknown): error is errors.JOSEError {
  return error instanceof errors.JOSEError && tokenFaults.has(error.code)
}
