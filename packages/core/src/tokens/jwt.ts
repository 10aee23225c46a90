import { PopError, optionError, type Evidence } from '../errors.ts'
import { asymmetricAlgorithms, type AlgorithmName, readAlgorithms } from '../jws/algorithms.ts'
import { readCompactJws, type CompactJws } from '../jws/compact.ts'
import type { Jwk } from '../keys/jwk.ts'
import { flag, oneOrMore, readOptions, secureUrl } from '../option-readers.ts'
import { readClaims } from './claims.ts'
import { readDecrypt, type Decrypt } from './decryption.ts'
import { createFetching, discoverKeySetUrl, fetchKeySet, type Fetching } from './discovery.ts'
import { createIssuerKeys } from './issuer-keys.ts'
import { readIssuers, type IssuerCheck, type Issuers } from './issuers.ts'
import { describeKeys, readKeySet } from './key-set.ts'
import { fetchedKeys, fixedKeys, type KeySource } from './key-source.ts'
import { placeOf, readFetch } from './limited-fetch.ts'
import { markOurs, seal, type ResolvedToken, type TokenResolver } from './resolver.ts'
import { checkSignature } from './signature.ts'
import { createTokenCache, noTokenCache, type TokenCacheOptions } from './token-cache.ts'

export interface JwtTokensOptions {
  /**
   * The exact `iss` of accepted tokens. A token of any other issuer is not recognised. In
   * `https://login.microsoftonline.com/{tenantid}/v2.0` the placeholder stands for one GUID, any
   * tenant's, and the token's `tid` must be the same. A function says for each `iss` whether it is
   * accepted; it is asked about tokens that nobody has verified yet, and a yes counts for a minute.
   */
  readonly issuer: string | readonly string[] | IssuerCheck
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
  /** Fetches key sets and metadata. Default the global `fetch`. For proxies and private certificate authorities. */
  readonly fetch?: typeof fetch
  /** Whoever is on the way can put keys of their own in place of the issuer's: takes plain http for `jwks`, `issuer` and `jwks_uri`. */
  readonly dangerouslyAllowHttp?: boolean
}

const known = [
  'issuer',
  'audience',
  'jwks',
  'algorithms',
  'typ',
  'decryptionKeys',
  'cache',
  'fetch',
  'dangerouslyAllowHttp',
]

/**
 * Access tokens that are JWTs (RFC 9068), verified with jose. Recognises a JWS by its `iss`, and a
 * JWE when it has decryption keys. Requires `iss`, `aud` and `exp`, nothing else. Where several keys
 * fit, such as those of a set without `kid`, at most 4 are tried.
 *
 * Not checked here: revocation, `sub`, and what the claims mean. Expiry is the verifier's.
 *
 * @throws TypeError with `code` for wrong options
 * @see [RFC 8725 section 3](https://www.rfc-editor.org/rfc/rfc8725#section-3)
 */
export function jwtTokens(options: JwtTokensOptions): TokenResolver {
  const own = readOptions('jwtTokens', options, known)
  const issuers = readIssuers('jwtTokens', own.issuer)
  const audience = oneOrMore('jwtTokens audience', own.audience)
  const types = oneOrMore('jwtTokens typ', own.typ ?? 'at+jwt').map(mediaType)
  const algorithms = readAlgorithms(
    'jwtTokens',
    own.algorithms,
    asymmetricAlgorithms,
    asymmetricAlgorithms,
  )
  const cache = own.cache === false ? noTokenCache : createTokenCache(own.cache ?? {})
  const keysOf = readKeySources(own, issuers, algorithms)
  const decrypt = readDecrypt('jwtTokens', own.decryptionKeys)

  return markOurs(
    {
      async resolve(token, { sha256, explain }): Promise<ResolvedToken | undefined> {
        const known = await cache.get(sha256)
        if (known !== undefined) return known
        const jws = await openToken(token, decrypt)
        if (jws === undefined) {
          explain?.({ member: 'jwtTokens', actual: 'neither a JWT nor one encrypted for us' })
          return undefined
        }
        const parsed = readCompactJws(jws, 'ERR_POP_TOKEN_MALFORMED')
        const { iss } = parsed.payload as { iss?: unknown }
        if (typeof iss !== 'string' || !(await issuers.accepts(iss))) {
          explain?.(strangeIssuer(parsed.payload, issuers))
          return undefined
        }
        checkType(parsed, types)
        refuseExtensions(parsed)
        const keys = await checkSignature(jws, parsed, keysOf(iss), { algorithms, audience })
        checkRequiredClaims(parsed.payload, issuers.tenantOf(iss))
        const resolved = seal(readClaims(parsed.payload, { audience, decrypt }))
        const isCurrent = async (): Promise<boolean> =>
          (await issuers.accepts(iss)) && (await keysOf(iss).current()) === keys
        cache.add(sha256, { resolved, bytes: token.length, isCurrent })
        return resolved
      },
    },
    issuers.named,
  )
}

type Payload = CompactJws['payload']

function strangeIssuer(payload: Payload, { shown }: Issuers): Evidence {
  const { iss, aud } = payload as { iss?: unknown; aud?: unknown }
  const actual = typeof iss === 'string' ? iss.slice(0, 160) : 'none'
  const to = [aud].flat().find((name) => typeof name === 'string')
  return {
    member: 'iss',
    expected: shown,
    actual: to === undefined ? actual : `${actual} (aud ${to})`,
  }
}

function checkRequiredClaims(payload: Payload, tenant: string | undefined): void {
  const { exp, tid } = payload as { exp?: unknown; tid?: unknown }
  if ((exp ?? undefined) === undefined) {
    throw new PopError('ERR_POP_TOKEN_CLAIM_INVALID', { member: 'exp' })
  }
  // Some tenants can name an issuer; only Microsoft names the tenant.
  if (tenant !== undefined && tid !== tenant) {
    throw new PopError('ERR_POP_TOKEN_CLAIM_INVALID', {
      member: 'tid',
      expected: tenant,
      actual: tid,
    })
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

/** Where the keys of each issuer come from: keys are looked up by issuer and `kid`. */
function readKeySources(
  { jwks, ...options }: JwtTokensOptions,
  { named, templates }: Issuers,
  algorithms: readonly AlgorithmName[],
): (issuer: string) => KeySource {
  const allowHttp = flag('jwtTokens dangerouslyAllowHttp', options.dangerouslyAllowHttp)
  const fetching = createFetching(readFetch('jwtTokens', options.fetch), allowHttp)
  if (jwks !== undefined) {
    const source = readKeySource(jwks, algorithms, fetching)
    return () => source
  }
  const urlOf = (issuer: string): URL =>
    secureUrl('jwtTokens issuer, without jwks,', issuer, allowHttp)
  templates.forEach(urlOf)
  return createIssuerKeys(named, (issuer, waitFor) => {
    const url = urlOf(issuer)
    return fetchedKeys(
      async () => fetchKeySet(await discoverKeySetUrl(url, fetching), algorithms, fetching),
      waitFor,
      // Those that only a template accepts share a waiting room, and are no dependency of ours yet.
      waitFor === undefined ? placeOf(url) : undefined,
    )
  })
}

function readKeySource(
  jwks: NonNullable<JwtTokensOptions['jwks']>,
  algorithms: readonly AlgorithmName[],
  fetching: Fetching,
): KeySource {
  if (typeof jwks === 'string' || jwks instanceof URL) {
    const url = secureUrl('jwtTokens jwks', jwks, fetching.allowHttp)
    return fetchedKeys(() => fetchKeySet(url, algorithms, fetching), undefined, placeOf(url))
  }
  const set = readKeySet(jwks, algorithms)
  if (set !== undefined && set.keys.length > 0) return fixedKeys(set)
  const found = set === undefined ? '' : `: ${describeKeys(set)}`
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    `jwtTokens jwks is not a JWK set with a public key for an accepted algorithm: { keys: [...] }${found}`,
  )
}
