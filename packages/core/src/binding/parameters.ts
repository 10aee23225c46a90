/** One `name=value` of a query or form, as on the wire. */
export interface Parameter {
  readonly name: string
  /** Undefined for a bare name. */
  readonly value: string | undefined
  /** The whole segment. */
  readonly raw: string
}

/** Splits a query or a form at `&` and each segment at its first `=`; empty segments do not count. */
export function parseParameters(text: string): readonly Parameter[] {
  if (text === '') return []
  return text
    .split('&')
    .filter((raw) => raw !== '')
    .map((raw) => {
      const equals = raw.indexOf('=')
      if (equals === -1) return { name: raw, value: undefined, raw }
      return { name: raw.slice(0, equals), value: raw.slice(equals + 1), raw }
    })
}

/** What a form parser makes of a name or value; a malformed triplet stays as it is. */
export function formDecode(text: string): string {
  if (!/[%+]/.test(text)) return text
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
