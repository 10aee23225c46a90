/** A token (RFC 9110 section 5.6.2): what methods and header names are made of. */
export function isToken(text: unknown): text is string {
  return typeof text === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(text)
}

/**
 * The method in upper case, as it is signed and sent.
 *
 * @throws TypeError for text that no method is
 */
export function readMethod(method: unknown): string {
  if (isToken(method)) return method.toUpperCase()
  throw new TypeError('method must be an HTTP method, such as GET, without spaces')
}

/**
 * Refuses a header value that no client can send (RFC 9110 section 5.5): octets without control
 * characters but the tab. `Headers` itself takes more.
 *
 * @throws TypeError
 */
export function checkFieldValue(name: string, value: string): void {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return
  throw new TypeError(`the header ${JSON.stringify(name)} has a character that cannot travel`)
}
