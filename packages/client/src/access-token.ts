/** An access token, or a function that finds the current one; the function is asked for every proof. */
export type AccessTokenSource = string | (() => string | Promise<string>)

/**
 * Finds the access token of this moment: printable ASCII (RFC 6749 appendix A.12), which a line break
 * at the end of a file is not.
 */
export async function resolveAccessToken(source: AccessTokenSource): Promise<string> {
  const token = typeof source === 'function' ? await source() : source
  if (typeof token !== 'string' || token === '')
    throw new TypeError('accessToken must be a non-empty string')
  if (/^[ -~]+$/.test(token)) return token
  throw new TypeError('accessToken has a character that no access token has')
}
