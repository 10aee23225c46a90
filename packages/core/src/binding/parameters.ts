/** One `name=value` of a query or form, as on the wire. */
export interface Parameter {
  readonly name: string
  /** Undefined for a bare name. */
  readonly value: string | undefined
  /** The whole segment. */
  readonly raw: string
}

/**
 * Splits a query or a form at `&` and each segment at its first `=`; segments that are shorter than asked
 * for, the empty ones at least, do not count.
 */
export function parseParameters(text: string, shortest = 1): readonly Parameter[] {
  const parameters: Parameter[] = []
  for (let start = 0; start < text.length;) {
    const ampersand = text.indexOf('&', start)
    const end = ampersand === -1 ? text.length : ampersand
    if (end - start >= shortest) parameters.push(readParameter(text.slice(start, end)))
    start = end + 1
  }
  return parameters
}

function readParameter(raw: string): Parameter {
  const equals = raw.indexOf('=')
  if (equals === -1) return { name: raw, value: undefined, raw }
  return { name: raw.slice(0, equals), value: raw.slice(equals + 1), raw }
}

/** What a form parser makes of a name or value, octet by octet: right for ASCII, and never throws. */
export function formDecode(text: string): string {
  if (!/[%+]/.test(text)) return text
  return text
    .replaceAll('+', ' ')
    .replace(/%[0-9a-f]{2}/gi, (triplet) =>
      String.fromCharCode(Number.parseInt(triplet.slice(1), 16)),
    )
}

/** What every form parser makes of a name; undefined where they differ: malformed `%XX`, bad UTF-8. */
export function nameOf({ name }: Parameter): string | undefined {
  if (!/[%+]/.test(name)) return name
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/**
 * Whether a form parser reads the raw name as this one, of ASCII letters and `_`. Made for every
 * parameter of every request, so only a name that can be meant is decoded.
 */
export function isNamed({ name }: Parameter, wanted: string): boolean {
  if (name === wanted) return true
  return (
    name.length > wanted.length && name.length <= wanted.length * 3 && formDecode(name) === wanted
  )
}

/** Whether some form parser puts the parameter inside of the one that is named: `name[...]`. */
export function isNestedIn({ name }: Parameter, wanted: string): boolean {
  if (name.length <= wanted.length) return false
  // One character takes three at most.
  return formDecode(name.slice(0, (wanted.length + 1) * 3)).startsWith(`${wanted}[`)
}
