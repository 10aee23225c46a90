/** An access token, or a function that finds the current one; the function is asked for every proof. */
export type AccessTokenSource = string | (() => string | Promise<string>)

/** Finds the access token of this moment. */
export async function resolveAccessToken(source: AccessTokenSource): Promise<string> {
  const token = typeof source === 'function' ? await source() : source
  if (typeof token === 'string' && token !== '') return token
  throw new TypeError('accessToken must be a non-empty string')
}
