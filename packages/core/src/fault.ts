const deepestCause = 3
/** Further down nobody looks: a chain of causes can be a ring. */
const deepestReason = 8

/**
 * What a dependency threw, as evidence for logs: names, codes, messages and stacks of an error and of
 * its causes, without the token that the dependency was given, and no part of it either. Its first line
 * names the innermost reason too, such as `ECONNREFUSED` below "fetch failed". Other members of the
 * error, such as the request it made, are left behind.
 */
export function describeFault(error: unknown, token = ''): Error | undefined {
  if (!(error instanceof Error)) return undefined
  const hideToken = createRedactor(token)
  const shown = copyFault(error, hideToken, deepestCause)
  const { message, code } = innermostOf(error)
  const reason = hideToken(message)
  if (shown.message.includes(reason)) return shown
  // Its own code, or the reason below it.
  shown.message = reason.includes(shown.message) ? reason : `${shown.message}: ${reason}`
  return 'code' in shown ? shown : Object.assign(shown, code && { code: hideToken(code) })
}

function copyFault(error: Error, hideToken: Redactor, depth: number): Error {
  const below = depth > 0 && error.cause instanceof Error ? error.cause : undefined
  const cause = below && copyFault(below, hideToken, depth - 1)
  const shown = new Error(hideToken(error.message), cause && { cause })
  const code = codeOf(error)
  return Object.assign(shown, {
    name: hideToken(error.name),
    stack: hideToken(error.stack),
    ...(code !== undefined && { code: hideToken(code) }),
  })
}

/** The reason at the end of a chain of causes; of several attempts, the first. */
export function innermostOf(error: unknown): { message: string; code: string | undefined } {
  let inner = error
  for (let depth = 0; depth < deepestReason; depth += 1) {
    const next = nextCause(inner)
    if (next === undefined) break
    inner = next
  }
  if (!(inner instanceof Error)) return { message: 'an error that is no Error', code: undefined }
  const code = codeOf(inner)
  const message = typeof inner.message === 'string' ? inner.message : ''
  return {
    message: code === undefined || message.includes(code) ? message : `${code} ${message}`,
    code,
  }
}

function nextCause(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : []
  const next = error.cause ?? first
  return next instanceof Error ? next : undefined
}

function codeOf(error: Error): string | undefined {
  const code: unknown = 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** Makes a text for logs of what may hold a token; anything but text becomes the empty one. */
type Redactor = (text: unknown) => string

/** Parts of a token lie end to end, so that whatever has twice this length of it holds one. */
const partLength = 8

/**
 * Hides a token in its own spelling, as a URL or a form spells it, and in parts, for whoever wrote the
 * text may have cut the token short: the words that hold a part are hidden whole.
 */
export function createRedactor(token: string): Redactor {
  const form = new URLSearchParams({ token }).toString().slice('token='.length)
  // `at` may be any text of JSON, half a character too, which no URL can spell.
  const all = new Set([token, encodeURIComponent(token.toWellFormed()), form])
  const spellings = [...all].filter((spelling) => spelling !== '')
  const parts = new Set(spellings.flatMap(partsOf))
  return function hideToken(text) {
    if (typeof text !== 'string') return ''
    const whole = spellings.reduce((shown, spelling) => shown.replaceAll(spelling, '[token]'), text)
    const marked = markParts(whole, parts)
    if (marked.size === 0) return whole
    return whole.replaceAll(/\S+/g, (word, at: number) => {
      for (let index = at; index < at + word.length; index += 1) {
        if (marked.has(index)) return '[token]'
      }
      return word
    })
  }
}

function partsOf(spelling: string): readonly string[] {
  const count = Math.floor(spelling.length / partLength)
  return Array.from({ length: count }, (_, at) =>
    spelling.slice(at * partLength, (at + 1) * partLength),
  )
}

/** Where characters of parts are. */
function markParts(text: string, parts: ReadonlySet<string>): ReadonlySet<number> {
  const marked = new Set<number>()
  for (let at = 0; at + partLength <= text.length; at += 1) {
    if (!parts.has(text.slice(at, at + partLength))) continue
    for (let index = at; index < at + partLength; index += 1) marked.add(index)
  }
  return marked
}
