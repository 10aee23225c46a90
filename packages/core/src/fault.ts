const deepestCause = 3

/**
 * What a dependency threw, as evidence for logs: names, codes, messages and stacks of an error and of
 * its causes, without the token that the dependency was given. Other members of the error, such as
 * the request it made, are left behind.
 */
export function describeFault(
  error: unknown,
  token: string,
  depth = deepestCause,
): Error | undefined {
  if (!(error instanceof Error)) return undefined
  const cause = depth === 0 ? undefined : describeFault(error.cause, token, depth - 1)
  const shown = new Error(withoutToken(error.message, token), cause && { cause })
  const code: unknown = 'code' in error ? error.code : undefined
  return Object.assign(shown, {
    name: withoutToken(error.name, token),
    stack: withoutToken(error.stack, token),
    ...(typeof code === 'string' && { code: withoutToken(code, token) }),
  })
}

/** In its own spelling, and as a URL or a form spells it. */
function withoutToken(text: unknown, token: string): string {
  if (typeof text !== 'string') return ''
  const form = new URLSearchParams({ token }).toString().slice('token='.length)
  // `at` may be any text of JSON, half a character too, which no URL can spell.
  return [token, encodeURIComponent(token.toWellFormed()), form].reduce(
    (shown, spelling) => shown.replaceAll(spelling, '[token]'),
    text,
  )
}
