import { hash } from 'node:crypto'
import { PopError } from '../errors.ts'
import { handedOn, headerLines, type HttpRequest } from '../request.ts'
import { asciiLowerCase } from './host.ts'
import type { SignedList } from './signed-list.ts'

/**
 * Compares `h` with the header lines of the request: `name: value` in the order and spelling of the
 * signed list, joined by a line feed, hashed as the octets that travelled. A repeated or empty
 * header cannot be covered, nor `authorization`, nor one that the framework does not hand on.
 *
 * The vector printed in the draft was made with CRLF, against its own text.
 *
 * @see draft-ietf-oauth-signed-http-request-03 section 3.2, 5.2
 * @returns the covered names as they are spelled in the list
 */
export function compareHeaders(
  { names, value }: SignedList,
  request: HttpRequest,
): readonly string[] {
  const lowerCase = names.map(asciiLowerCase)
  const lines = names.map(
    (name, index) => `${name}: ${coverableValue(lowerCase[index] ?? '', request)}`,
  )
  // Node hands header octets over as Latin-1.
  const digest = hash('sha256', Buffer.from(lines.join('\n'), 'latin1'), 'base64url')
  if (digest !== value || new Set(lowerCase).size !== names.length) {
    throw new PopError('ERR_POP_HEADERS_MISMATCH', { member: 'h' })
  }
  return Object.freeze([...names])
}

function coverableValue(name: string, request: HttpRequest): string {
  const [value, ...more] = name === 'authorization' ? [] : headerLines(request, name)
  const isHandedOn = request.headers === undefined || handedOn(request, name) === value
  if (value === undefined || value === '' || more.length > 0 || !isHandedOn) {
    throw new PopError('ERR_POP_HEADERS_MISMATCH', { member: 'h', expected: name })
  }
  return value
}
