import { optionError } from './errors.ts'
import { readLocations, type ConfiguredLocation } from './location.ts'
import { isPlainObject } from './jws/strict-json.ts'
import { createNonceSource, type NonceOptions, type NonceSource } from './nonce.ts'
import { oneOf, readOptions, wholeNumber } from './option-readers.ts'
import { memoryReplayStore } from './replay/memory.ts'
import type { ReplayStore } from './replay/store.ts'
import {
  readResourceMetadata,
  type ResourceMetadata,
  type ResourceMetadataOptions,
} from './resource-metadata.ts'
import { dpop } from './schemes/dpop.ts'
import { pop } from './schemes/pop/pop.ts'
import type { Scheme } from './schemes/scheme.ts'
import type { TokenResolver } from './tokens/resolver.ts'

/** The configuration of a verifier. Copied and frozen at creation; unknown names are refused. */
export interface VerifierOptions {
  /**
   * The URL or URLs that clients use. Proofs are compared with these, never with the Host header. A
   * path is a prefix that a proxy strips before the request arrives. `https://*.example.com` stands
   * for any one label: the proof must then name the request's own Host. `'request'` takes the
   * framework's own view of protocol and host instead, for development and for frameworks that
   * know which proxy to trust.
   */
  readonly publicUrl: string | readonly string[]
  /** What recognises access tokens; the first that does answers. */
  readonly tokens: TokenResolver | readonly TokenResolver[]
  /** The schemes a client may use. Default `[pop(), dpop()]`. */
  readonly schemes?: readonly Scheme[]
  /**
   * `'report'`, for roll-out: adapters let a request that fails go on, without `accessToken`, and the
   * refusal is published only. Guards still refuse. Nothing is protected meanwhile but by guards.
   * Default `'enforce'`.
   */
  readonly mode?: Mode
  /**
   * Where used proofs are remembered. Default `memoryReplayStore()`, which protects one process.
   * `'dangerously-none'` lets whoever reads a request send it again until its proof is out of time.
   */
  readonly replay?: ReplayStore | 'dangerously-none'
  /** Server nonces. Default off. */
  readonly nonce?: NonceOptions
  /** How old a proof may be, in seconds. Default 300. */
  readonly maxAgeSeconds?: number
  /** How far ahead a proof may be dated, in seconds. Default `clockToleranceSeconds`. */
  readonly maxAheadSeconds?: number
  /** How far clocks may differ where the times of access tokens are judged, in seconds. Default 30. */
  readonly clockToleranceSeconds?: number
  /**
   * Publishes what clients can learn before they have a token (RFC 9728): adapters answer the well-known path of
   * `resource`, and every challenge names it in `resource_metadata`. Default off.
   */
  readonly metadata?: ResourceMetadataOptions
  /** The realm of challenges. Default the host of the first `publicUrl`, or `oauth-pop`. */
  readonly realm?: string
  /** The clock, milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number
}

export type Mode = 'enforce' | 'report'

/** Complete options, read once. */
export interface Settings {
  /** Undefined: the framework's own view of each request. */
  readonly locations: readonly ConfiguredLocation[] | undefined
  readonly resolvers: readonly TokenResolver[]
  readonly schemes: readonly Scheme[]
  readonly mode: Mode
  readonly replay: ReplayStore | undefined
  readonly nonces: NonceSource | undefined
  readonly maxAgeSeconds: number
  readonly maxAheadSeconds: number
  readonly clockToleranceSeconds: number
  readonly metadata: ResourceMetadata | undefined
  readonly realm: string
  readonly now: () => number
}

/** The names of `VerifierOptions`, for adapters that add their own. */
export const verifierOptionNames: readonly string[] = Object.freeze([
  'publicUrl',
  'tokens',
  'schemes',
  'mode',
  'replay',
  'nonce',
  'maxAgeSeconds',
  'maxAheadSeconds',
  'clockToleranceSeconds',
  'metadata',
  'realm',
  'now',
])

/**
 * Validates options and completes them with their defaults.
 *
 * @throws TypeError with `code` and the line to write instead
 */
export function resolveOptions(options: VerifierOptions): Settings {
  const own = readOptions('createVerifier', options, verifierOptionNames)
  const locations = readLocations(own.publicUrl)
  const now = own.now ?? Date.now
  if (typeof now !== 'function')
    throw optionError('ERR_POP_OPTION_INVALID', 'now must be a function')
  const replay = readReplay(own.replay, now)
  const nonces =
    own.nonce === undefined
      ? undefined
      : createNonceSource(own.nonce, JSON.stringify(locations ?? 'request'), now)
  const maxAgeSeconds = wholeNumber('maxAgeSeconds', own.maxAgeSeconds, 300)
  checkShared(replay, `${maxAgeSeconds} ${nonces?.time === true}`)
  const tolerance = wholeNumber('clockToleranceSeconds', own.clockToleranceSeconds, 30)
  const resolvers = readResolvers(own.tokens)
  const schemes = readSchemes(own.schemes)
  const mode = oneOf('mode', own.mode, ['enforce', 'report'], 'enforce')
  return Object.freeze({
    locations,
    resolvers,
    schemes,
    mode,
    metadata:
      own.metadata === undefined
        ? undefined
        : readResourceMetadata(own.metadata, { locations, resolvers, schemes, mode }),
    replay,
    nonces,
    maxAgeSeconds,
    maxAheadSeconds: wholeNumber('maxAheadSeconds', own.maxAheadSeconds, tolerance),
    clockToleranceSeconds: tolerance,
    realm: readRealm(own.realm ?? locations?.[0]?.host ?? 'oauth-pop'),
    now,
  })
}

function readResolvers(tokens: VerifierOptions['tokens'] | undefined): readonly TokenResolver[] {
  const list = asList(tokens)
  if (list.length > 0 && list.every(isResolver)) return Object.freeze([...list])
  throw optionError(
    'ERR_POP_OPTION_MISSING',
    'tokens is missing: write tokens: jwtTokens({ issuer, audience }), introspectedTokens({ ... }) or storedTokens(...)',
  )
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [value]
}

function isResolver(value: unknown): value is TokenResolver {
  return isPlainObject(value) && typeof value['resolve'] === 'function'
}

function readSchemes(schemes: readonly Scheme[] | undefined): readonly Scheme[] {
  if (schemes === undefined) return Object.freeze([pop(), dpop()])
  const list: readonly unknown[] = asList(schemes)
  const names = new Set(list.map((scheme) => (isScheme(scheme) ? scheme.name : undefined)))
  if (names.size === list.length && list.length > 0 && list.every(isScheme)) {
    return Object.freeze([...list])
  }
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    'schemes must be a list like [pop(), dpop()], each at most once',
  )
}

function isScheme(value: unknown): value is Scheme {
  return isPlainObject(value) && typeof value['accepts'] === 'function'
}

function readReplay(replay: VerifierOptions['replay'], now: () => number): ReplayStore | undefined {
  if (replay === 'dangerously-none') return undefined
  if (replay === undefined) return memoryReplayStore({ now })
  if (typeof (replay as ReplayStore | null)?.claim === 'function') return replay
  throw optionError('ERR_POP_OPTION_INVALID', "replay must be a store or 'dangerously-none'")
}

const lives = new WeakMap<ReplayStore, string>()

/** What one verifier lets go of too early, another one would accept again. */
function checkShared(replay: ReplayStore | undefined, life: string): void {
  if (replay === undefined) return
  if ((lives.get(replay) ?? life) !== life) {
    throw optionError(
      'ERR_POP_OPTION_INVALID',
      'verifiers that share a replay store need the same maxAgeSeconds and nonce time: give each a store of its own',
    )
  }
  lives.set(replay, life)
}

/** Only what client parsers take inside a quoted value: see `challenge.ts`. */
function readRealm(realm: string): string {
  if (typeof realm === 'string' && /^[A-Za-z0-9 ._~:/@[\]-]+$/.test(realm)) return realm
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    'realm may hold letters, digits, spaces and . _ ~ : / @ [ ] -',
  )
}
