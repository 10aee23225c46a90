import type { SchemeName } from './access-token.ts'
import { kindOf, PopError, type OAuthErrorWord, type RefusalHeaders } from './errors.ts'
import type { NamedRequest } from './events.ts'
import type { Mode, Settings } from './options.ts'
import type { Scheme } from './schemes/scheme.ts'

type ChallengeName = Scheme['challenge']

const order: readonly ChallengeName[] = ['PoP', 'DPoP', 'Bearer']

/** What another access token must have. */
interface Needed {
  /** The scopes that are needed, space-delimited. */
  readonly scope?: string | undefined
  /** The classes of login that are good enough, the best first. */
  readonly acrValues?: readonly string[] | undefined
  /** How long ago the user may have logged in. */
  readonly maxAgeSeconds?: number | undefined
}

/** What a challenge says besides its realm. */
interface ChallengeContent extends Needed {
  readonly error?: OAuthErrorWord | undefined
  readonly description?: string
  readonly nonce?: string | undefined
}

/** What a refusal can say beside the error. */
export interface RefusalDetail extends Needed {
  /** `report`: the refusal is published and the request goes on. Default `enforce`. */
  readonly mode?: Mode
  /** The only schemes that are worth another try; without them all that are enabled. */
  readonly schemes?: readonly SchemeName[] | undefined
  /** The request that is refused, for events. */
  readonly request?: NamedRequest | undefined
}

/**
 * Completes a refusal for the wire: the OAuth word of the scheme that was used, the challenge
 * (RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3), nonce and cache headers. The only
 * place that writes challenges.
 */
export function toRefusal(
  error: PopError,
  scheme: Scheme | undefined,
  settings: Settings,
  detail: RefusalDetail = {},
): PopError {
  const kind = kindOf(error.code)
  const word = errorWord(error, scheme)
  const evidence = error.cause as ConstructorParameters<typeof PopError>[1]
  const headers: Record<string, string | readonly string[]> = { 'cache-control': 'no-store' }
  if (kind === 'unavailable' || kind === 'crowded')
    headers['retry-after'] = error.headers['retry-after'] ?? '1'
  if (kind === 'too-large' || kind === 'timeout' || kind === 'crowded')
    headers['connection'] = 'close'
  const challenged = kind === 'missing' || word !== undefined
  if (challenged) {
    Object.assign(headers, challengeHeaders(error, word, scheme, settings, detail))
  }
  return new PopError(error.code, evidence, { error: word, headers: Object.freeze(headers) })
}

function errorWord({ code }: PopError, scheme: Scheme | undefined): OAuthErrorWord | undefined {
  const words: Partial<Record<ReturnType<typeof kindOf>, OAuthErrorWord | undefined>> = {
    request: 'invalid_request',
    proof: scheme?.proofError ?? 'invalid_token',
    token: 'invalid_token',
    nonce: scheme?.nonceError ?? 'invalid_token',
    access: 'insufficient_scope',
    login: 'insufficient_user_authentication',
  }
  return words[kindOf(code)]
}

function challengeHeaders(
  error: PopError,
  word: OAuthErrorWord | undefined,
  scheme: Scheme | undefined,
  settings: Settings,
  { scope, acrValues, maxAgeSeconds, schemes }: RefusalDetail,
): RefusalHeaders {
  const kind = kindOf(error.code)
  const offersNonce = kind === 'missing' || kind === 'nonce'
  const needed: Needed = { scope, acrValues, maxAgeSeconds }
  const content = word === undefined ? {} : { ...needed, error: word, description: error.message }
  const worthTrying = settings.schemes.filter(({ name }) => schemes?.includes(name) ?? true)
  const used = scheme === undefined || kind === 'missing' ? worthTrying : [scheme]
  const lines = order.flatMap((name) => {
    const named = used.find(({ challenge }) => challenge === name)
    if (named === undefined) return []
    return [
      challengeLine(
        named,
        { ...content, nonce: offersNonce ? mintNonce('PoP', named, settings) : undefined },
        settings,
      ),
    ]
  })
  const challenge = lines.length === 1 ? (lines[0] as string) : Object.freeze(lines)
  const dpopNonce = offersNonce
    ? used.map((one) => mintNonce('DPoP', one, settings)).find(Boolean)
    : undefined
  return {
    'www-authenticate': challenge,
    ...(dpopNonce !== undefined && { 'dpop-nonce': dpopNonce }),
  }
}

function mintNonce(
  name: ChallengeName,
  scheme: Scheme,
  { nonces, now }: Settings,
): string | undefined {
  if (scheme.challenge !== name || scheme.nonceError === undefined) return undefined
  return nonces?.at(Math.floor(now() / 1000)).mint(name)
}

/**
 * `nonce` comes first, because MSAL.js reads the first parameter only; parameters are separated by
 * a comma and a space, because MSAL.NET splits there. Every challenge has a parameter.
 */
function challengeLine(
  scheme: Scheme,
  content: ChallengeContent,
  { realm, metadata }: Settings,
): string {
  const { nonce, error, description, scope, acrValues = [], maxAgeSeconds } = content
  const parameters: readonly (readonly [string, string | undefined])[] = [
    ['nonce', nonce],
    ['realm', realm],
    ['error', error],
    ['error_description', error === undefined ? undefined : description],
    ['scope', scope !== undefined && /^[A-Za-z0-9 ._~:/@+!*-]+$/.test(scope) ? scope : undefined],
    ['acr_values', acrValues.filter(isAcrValue).join(' ') || undefined],
    ['max_age', isMaxAge(maxAgeSeconds) ? String(maxAgeSeconds) : undefined],
    ['algs', scheme.algs?.join(' ')],
    ['resource_metadata', metadata?.url],
  ]
  const written = parameters.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${value}"`],
  )
  return `${scheme.challenge} ${written.join(', ')}`
}

function isMaxAge(value: number | undefined): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/**
 * A class of login that can stand in a list and between quotes (RFC 9110 section 5.6.4). No comma, where
 * MSAL's parsers split; `=` stays, because values that are URLs have it.
 */
export function isAcrValue(value: string): boolean {
  return /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+$/.test(value)
}
