import { PopError } from '../errors.ts'
import { isPlainObject } from '../jws/strict-json.ts'
import { nonEmptyString } from '../option-readers.ts'
import type { ResolvedToken } from './resolver.ts'

type Claims = Readonly<Record<string, unknown>>

export interface ClaimRules {
  /** One of these must be in `aud`; undefined accepts any audience. */
  readonly audience: readonly string[] | undefined
  /** The member that names a key outside of `cnf`, besides `access_token_key`, which always does. */
  readonly keyMember?: string | undefined
  readonly decrypt?: ResolvedToken['decrypt'] | undefined
}

/**
 * Reads the members that every kind of access token shares: JWT payload (RFC 9068 section 2.2),
 * introspection response (RFC 7662 section 2.2), stored record. Wrong types refuse the token.
 */
export function readClaims(claims: Claims, rules: ClaimRules): ResolvedToken {
  const audience = stringsOf(claims, 'aud', (text) => [text])
  const { audience: accepted } = rules
  if (accepted !== undefined && !audience.some((name) => accepted.includes(name))) {
    throw new PopError('ERR_POP_TOKEN_AUDIENCE', {
      member: 'aud',
      expected: accepted,
      actual: audience,
    })
  }
  const expiresAt = claims['exp'] ?? undefined
  if (expiresAt !== undefined && typeof expiresAt !== 'number') throw wrongForm('exp')
  return {
    claims,
    audience,
    scopes: readScopes(claims),
    ...optional('subject', stringOf(claims, 'sub')),
    ...optional('clientId', readClientId(claims)),
    ...optional('issuer', stringOf(claims, 'iss')),
    ...optional('expiresAt', expiresAt),
    ...optional('confirmation', readConfirmation(claims)),
    ...optional('key', readKey(claims, rules.keyMember)),
    ...optional('decrypt', rules.decrypt),
  }
}

/** `scope` is space-delimited text (RFC 6749 3.3); Microsoft and Okta write `scp`, as text or list. */
function readScopes(claims: Claims): readonly string[] {
  const member = (claims['scope'] ?? undefined) === undefined ? 'scp' : 'scope'
  return stringsOf(claims, member, (text) => text.split(' ').filter((scope) => scope !== ''))
}

function readClientId(claims: Claims): string | undefined {
  const member = ['client_id', 'azp', 'appid'].find((name) => typeof claims[name] === 'string')
  return member === undefined ? undefined : stringOf(claims, member)
}

/** A `cnf` that is there but no object must never look like an unbound token. */
export function readConfirmation(claims: Claims): Claims | undefined {
  const confirmation = claims['cnf']
  if (confirmation === undefined) return undefined
  if (!isPlainObject(confirmation)) {
    throw new PopError('ERR_POP_CONFIRMATION_INVALID', { member: 'cnf', actual: confirmation })
  }
  return confirmation
}

const commonKeyMember = 'access_token_key'

/**
 * A key beside `cnf`, in the member given or in `access_token_key`. Every kind of resolver looks in
 * both, so that a key which one source writes never makes a bearer token at another.
 */
export function readKey(claims: Claims, ownMember = commonKeyMember): Claims | undefined {
  const own = keyIn(claims, ownMember)
  const common = keyIn(claims, commonKeyMember)
  return own ?? common
}

/** The option of that name: absent or a name. */
export function readKeyMember(where: string, value: unknown): string | undefined {
  return value === undefined ? undefined : nonEmptyString(`${where} keyMember`, value)
}

function keyIn(claims: Claims, member: string): Claims | undefined {
  const key = claims[member]
  if (key === undefined) return undefined
  if (!isPlainObject(key)) {
    throw new PopError('ERR_POP_CONFIRMATION_INVALID', { member, actual: key })
  }
  return key
}

function stringOf(claims: Claims, member: string): string | undefined {
  const value = claims[member]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw wrongForm(member)
  return value
}

function stringsOf(
  claims: Claims,
  member: string,
  split: (text: string) => readonly string[],
): readonly string[] {
  const value = claims[member]
  if (value === undefined || value === null) return []
  if (typeof value === 'string') return split(value)
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw wrongForm(member)
  }
  return [...value]
}

function wrongForm(member: string): PopError {
  return new PopError('ERR_POP_TOKEN_CLAIM_INVALID', { member })
}

function optional<K extends string, V>(name: K, value: V | undefined | ''): { [P in K]?: V } {
  return value === undefined || value === '' ? {} : ({ [name]: value } as { [P in K]: V })
}
