import type { SignedList } from './coverage.ts'
import { checkFieldValue } from './http-token.ts'
import { sha256 } from './sha256.ts'

/** Request headers: a `Headers`, a list of name and value, or an object. */
export type SignableHeaders = Iterable<readonly [string, string]> | Readonly<Record<string, string>>

/**
 * The `h` member: `name: value` of each covered header, lower-case name, joined by a line feed,
 * hashed as the octets that travel.
 *
 * @see draft-ietf-oauth-signed-http-request-03 section 3.2
 */
export async function signHeaders(
  wanted: readonly string[],
  headers: SignableHeaders = [],
): Promise<SignedList> {
  const names = wanted.map((name) => name.toLowerCase())
  const lines = headerLines(headers)
  const covered = names.map((name) => `${name}: ${findCoverable(name, lines)}`)
  return [names, await sha256(octetsOf(covered.join('\n')))]
}

function headerLines(headers: SignableHeaders): readonly (readonly [string, string])[] {
  return isIterable(headers) ? [...headers] : Object.entries(headers)
}

function isIterable(headers: SignableHeaders): headers is Iterable<readonly [string, string]> {
  return Symbol.iterator in headers
}

function findCoverable(name: string, lines: readonly (readonly [string, string])[]): string {
  const quoted = JSON.stringify(name)
  const [found, ...more] = lines.filter(([own]) => own.toLowerCase() === name)
  if (found === undefined) throw new TypeError(`the request has no header ${quoted} to cover`)
  if (more.length > 0) throw new TypeError(`the header ${quoted} is repeated and cannot be covered`)
  const value = found[1].replace(/^[\t\r\n ]+/, '').replace(/[\t\r\n ]+$/, '')
  if (value === '') throw new TypeError(`the header ${quoted} is empty and cannot be covered`)
  checkFieldValue(name, value)
  return value
}

/** Header values travel as single octets (RFC 9110 section 5.5). */
function octetsOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
