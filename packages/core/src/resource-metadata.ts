import { isPlainObject } from './jws/strict-json.ts'
import { optionError } from './errors.ts'
import type { ConfiguredLocation } from './location.ts'
import { nonEmptyList, oneOrMore, readOptions, secureUrl } from './option-readers.ts'
import type { Mode } from './options.ts'
import type { Scheme } from './schemes/scheme.ts'
import { issuersOf, type TokenResolver } from './tokens/resolver.ts'

/** What clients can learn of this API before they have a token (RFC 9728 section 2). */
export interface ResourceMetadataOptions {
  /**
   * The resource identifier, as clients know the API: an https URL, or http on loopback, without query. Default
   * `publicUrl`, where it is one URL.
   */
  readonly resource?: string
  /** The issuer identifiers of authorization servers. Default the names in `issuer` of `jwtTokens`. */
  readonly authorizationServers?: string | readonly string[]
  /** The scopes that clients may ask for. */
  readonly scopes?: readonly string[]
  /** Further members, such as `resource_name` and `resource_documentation`. */
  readonly members?: Readonly<Record<string, unknown>>
}

/** The metadata document, and where it is found. */
export interface ResourceMetadata {
  /** For `resource_metadata` in challenges (RFC 9728 section 5.1). */
  readonly url: string
  /** The path of that URL, below which nothing else is. */
  readonly path: string
  /** The JSON. */
  readonly document: Readonly<Record<string, unknown>>
}

interface Surroundings {
  readonly locations: readonly ConfiguredLocation[] | undefined
  readonly resolvers: readonly TokenResolver[]
  readonly schemes: readonly Scheme[]
  readonly mode: Mode
}

const names = ['resource', 'authorizationServers', 'scopes', 'members']
const wellKnown = '/.well-known/oauth-protected-resource'

/**
 * Derives the document from the options of the verifier, so that it says what is enforced.
 *
 * @throws TypeError with `code`
 */
export function readResourceMetadata(
  options: ResourceMetadataOptions,
  surroundings: Surroundings,
): ResourceMetadata {
  const own = readOptions('metadata', options, names)
  const resource = readResource(own.resource ?? onlyUrl(surroundings.locations))
  const { origin, pathname } = new URL(resource)
  const path = wellKnown + (pathname === '/' ? '' : pathname)
  const scopes = own.scopes === undefined ? undefined : nonEmptyList('metadata scopes', own.scopes)
  const derived = {
    resource,
    authorization_servers: readServers(own.authorizationServers, surroundings.resolvers),
    ...(scopes && { scopes_supported: scopes }),
    ...describeSchemes(surroundings),
  }
  const document = Object.freeze({ ...readMembers(own.members, derived), ...derived })
  return Object.freeze({ url: origin + path, path, document })
}

function onlyUrl(locations: Surroundings['locations']): string {
  const [location, ...more] = locations ?? []
  if (location === undefined || location.anyLabel || more.length > 0)
    throw optionError(
      'ERR_POP_OPTION_MISSING',
      'metadata needs resource, the one URL under which clients know this API',
    )
  const { scheme, host, port, prefix } = location
  return new URL(`${scheme}://${host}:${port}${prefix}`).href
}

/** In a challenge, clients split at commas and equals signs. */
function readResource(text: unknown): string {
  const { href, pathname } = secureUrl('metadata resource', text)
  if (/[?#,="\\]/.test(href))
    throw optionError(
      'ERR_POP_OPTION_INVALID',
      'metadata resource must be a URL without query, fragment, comma or equals sign',
    )
  // As most write it, and as clients compare it: an origin alone has no slash.
  return pathname === '/' ? href.slice(0, -1) : href
}

function readServers(given: unknown, resolvers: readonly TokenResolver[]): readonly string[] {
  const known = given ?? resolvers.flatMap(issuersOf)
  if (Array.isArray(known) && known.length === 0)
    throw optionError(
      'ERR_POP_OPTION_MISSING',
      "metadata needs authorizationServers: 'https://as.example.com', because no issuer is named in tokens",
    )
  const servers = oneOrMore('metadata authorizationServers', known as string)
  if (servers.every((name) => URL.canParse(name))) return servers
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    "metadata authorizationServers must be URLs like 'https://as.example.com'",
  )
}

/** Which schemes a client can choose, and whether it has a choice. */
function describeSchemes({ schemes, mode }: Surroundings): Readonly<Record<string, unknown>> {
  const algorithms = schemes.find(({ name }) => name === 'DPoP')?.algs
  const isOnlyDpop = schemes.every(({ name }) => name === 'DPoP') && mode === 'enforce'
  return {
    bearer_methods_supported: ['header'],
    ...(algorithms && {
      dpop_signing_alg_values_supported: algorithms,
      dpop_bound_access_tokens_required: isOnlyDpop,
    }),
    ...(schemes.some(({ name }) => name === 'mTLS') && {
      tls_client_certificate_bound_access_tokens: true,
    }),
  }
}

/** A copy, which nobody can change later; what is derived cannot be said otherwise. */
function readMembers(members: unknown, derived: object): Readonly<Record<string, unknown>> {
  if (members === undefined) return {}
  const name = isPlainObject(members)
    ? Object.keys(members).find((own) => Object.hasOwn(derived, own))
    : 'members'
  if (name !== undefined)
    throw optionError(
      'ERR_POP_OPTION_INVALID',
      `metadata members must be an object without ${name}, which is derived from the other options`,
    )
  return JSON.parse(JSON.stringify(members)) as Readonly<Record<string, unknown>>
}
