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
