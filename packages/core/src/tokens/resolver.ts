import type { Evidence } from '../errors.ts'
import { isPlainObject } from '../jws/strict-json.ts'
import type { Jwk } from '../keys/jwk.ts'
import { readConfirmation, readKey } from './claims.ts'

/**
 * Turns an access token string into what it says. The first resolver of the list that recognises
 * the token answers.
 */
export interface TokenResolver {
  /**
   * Resolves to undefined when the token is not of this resolver's making. Throws `PopError` for a
   * token that it recognises and refuses; anything else that it throws is an outage (503).
   * The token comes from an unauthenticated request: never use it as a path, URL or query part.
   */
  resolve(token: string, context: ResolveContext): Promise<ResolvedToken | undefined>
}

export interface ResolveContext {
  /** SHA-256 of the token string. */
  readonly sha256: Uint8Array
  /**
   * Says why a token is not recognised, for the evidence of `ERR_POP_TOKEN_UNKNOWN`: never any part of
   * the token itself, which is cut out.
   */
  readonly explain?: (reason: Evidence) => void
}

/**
 * What is known about a valid access token. The verifier itself judges `exp`, `nbf` and `iat` of
 * `claims`, on every request; issuer, audience and signature are the resolver's.
 */
export interface ResolvedToken {
  readonly claims: Readonly<Record<string, unknown>>
  /** The `cnf` member (RFC 7800), as it is. */
  readonly confirmation?: Readonly<Record<string, unknown>>
  /** A public key that the source names outside of `cnf`, like `access_token_key`. */
  readonly key?: Jwk
  readonly scopes: readonly string[]
  readonly subject?: string
  readonly clientId?: string
  readonly issuer?: string
  readonly audience: readonly string[]
  /** Seconds since the epoch. */
  readonly expiresAt?: number
  /** Decrypts a key that `cnf.jwe` holds for this server; undefined when it is not for us. */
  readonly decrypt?: (jwe: string) => Promise<Uint8Array | undefined>
}

const sealed = new WeakSet<ResolvedToken>()
/** Resolvers of this package, with the issuers that they name. */
const ours = new WeakMap<TokenResolver, readonly string[]>()

/** Marks a resolver of this package: what waits for its source is bounded there. */
export function markOurs(resolver: TokenResolver, issuers: readonly string[] = []): TokenResolver {
  ours.set(resolver, issuers)
  return resolver
}

/** The issuers that a resolver names one by one; none where it cannot. */
export function issuersOf(resolver: TokenResolver): readonly string[] {
  return ours.get(resolver) ?? []
}

export function isOurs(resolver: TokenResolver): boolean {
  return ours.has(resolver)
}

/** Freezes a token of our own making, in place. Its claims must not be shared with anybody. */
export function seal(token: ResolvedToken): ResolvedToken {
  for (const member of [token.claims, token.scopes, token.audience]) deepFreeze(member)
  if (token.confirmation !== undefined) deepFreeze(token.confirmation)
  if (token.key !== undefined) deepFreeze(token.key)
  sealed.add(token)
  return Object.freeze(token)
}

/**
 * A frozen copy of what a resolver of the application's own returned; undefined when it has not
 * the shape of `ResolvedToken`.
 */
export function sealForeign(token: ResolvedToken): ResolvedToken | undefined {
  if (sealed.has(token)) return token
  if (!isPlainObject(token) || !isPlainObject(token.claims)) return undefined
  // Its entries are no members: a binding in it would not be seen.
  if (token.claims instanceof Map) return undefined
  if (!isStringList(token.scopes) || !isStringList(token.audience)) return undefined
  // An odd binding, such as null, must not look like none.
  if (![token.confirmation, token.key].every((part) => part === undefined || isPlainObject(part)))
    return undefined
  const copy = copyData(token, 0) as ResolvedToken
  // A resolver that leaves the binding in the claims has not made a bearer token of it.
  const { confirmation = readConfirmation(copy.claims), key = readKey(copy.claims) } = copy
  return seal({ ...copy, ...(confirmation && { confirmation }), ...(key && { key }) })
}

function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** A copy of claims that somebody else may still change. */
export function copyClaims(claims: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return copyData(claims, 0) as Record<string, unknown>
}

/** Deeper data, or data that contains itself, is no token. */
const deepest = 32

/** Copies arrays and plain objects; anything else, such as a date or a function, is kept. */
function copyData(value: unknown, level: number): unknown {
  if (level > deepest) throw new TypeError('a resolved token is nested too deeply')
  if (Array.isArray(value)) return value.map((item) => copyData(item, level + 1))
  if (typeof value !== 'object' || value === null || !isRecord(value)) return value
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    if (name !== '__proto__') copy[name] = copyData(value[name], level + 1)
  }
  return copy
}

function isRecord(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function deepFreeze(value: object): void {
  Object.freeze(value)
  for (const name of Object.keys(value)) {
    const member: unknown = (value as Record<string, unknown>)[name]
    if (typeof member === 'object' && member !== null && !Object.isFrozen(member))
      deepFreeze(member)
  }
}
