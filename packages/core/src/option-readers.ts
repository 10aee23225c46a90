import { optionError } from './errors.ts'

/**
 * An own, null-prototype copy of an options object. Unknown names are refused, because a misspelled
 * security option is an option that is off; `undefined` means absent.
 */
export function readOptions<T extends object>(
  where: string,
  options: T,
  known: readonly string[],
): T {
  if (typeof options !== 'object' || options === null) {
    throw optionError('ERR_POP_OPTION_MISSING', `${where} needs an options object`)
  }
  const copy = Object.create(null) as Record<string, unknown>
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw optionError(
        'ERR_POP_OPTION_UNKNOWN',
        `${where} has no option ${JSON.stringify(name)}; it has ${known.join(', ')}`,
      )
    }
    const value = (options as Record<string, unknown>)[name]
    if (value !== undefined) copy[name] = value
  }
  return Object.freeze(copy) as T
}

/** One non-empty string or a non-empty list of them, as a frozen list. */
export function oneOrMore(
  where: string,
  value: string | readonly string[] | undefined,
): readonly string[] {
  if (value === undefined || typeof value === 'string' || Array.isArray(value)) {
    return nonEmptyList(where, typeof value === 'string' ? [value] : value)
  }
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    `${where} must be a non-empty string or a list of them; it is ${typeName(value)}`,
  )
}

export function nonEmptyList(
  where: string,
  value: readonly string[] | undefined,
): readonly string[] {
  if (value === undefined) throw optionError('ERR_POP_OPTION_MISSING', `${where} is missing`)
  if (!Array.isArray(value)) {
    throw optionError(
      'ERR_POP_OPTION_INVALID',
      `${where} must be a list of non-empty strings; it is ${typeName(value)}`,
    )
  }
  if (value.length === 0) {
    throw optionError('ERR_POP_OPTION_INVALID', `${where} must not be an empty list`)
  }
  return Object.freeze(value.map((item) => nonEmptyString(where, item)))
}

export function nonEmptyString(where: string, value: unknown): string {
  if (value === undefined) throw optionError('ERR_POP_OPTION_MISSING', `${where} is missing`)
  if (typeof value === 'string' && value !== '') return value
  const actual = value === '' ? 'empty' : typeName(value)
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    `${where} must be a non-empty string; it is ${actual}`,
  )
}

/** What a wrong value is, without showing it: it may be a secret. */
function typeName(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : `of type ${typeof value}`
}

/** A finite number, not negative. */
export function wholeNumber(where: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw optionError('ERR_POP_OPTION_INVALID', `${where} must be a whole number, not negative`)
}

export function oneOf<T extends string>(
  where: string,
  value: unknown,
  choices: readonly T[],
  fallback?: T,
): T {
  const chosen = value ?? fallback
  const found = choices.find((choice) => choice === chosen)
  if (found !== undefined) return found
  throw optionError('ERR_POP_OPTION_INVALID', `${where} must be one of ${choices.join(', ')}`)
}

export function flag(where: string, value: unknown): boolean {
  if (value === undefined) return false
  if (typeof value === 'boolean') return value
  throw optionError('ERR_POP_OPTION_INVALID', `${where} must be true or false`)
}

const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])

/** An https URL; http only where nobody can listen in between, or where the caller may allow it. */
export function secureUrl(where: string, value: unknown, allowHttp?: boolean): URL {
  const text = value instanceof URL ? value.href : nonEmptyString(where, value)
  const url = URL.canParse(text) ? new URL(text) : undefined
  const local = allowHttp === true || (url !== undefined && loopback.has(url.hostname))
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && local)
  if (url !== undefined && secure && url.username === '' && url.password === '') return url
  const plain = url?.protocol === 'http:' && allowHttp === false
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    plain
      ? `${where} is plain http beyond loopback, which anybody on the way can change: write https, or dangerouslyAllowHttp: true`
      : `${where} must be an https URL (http only on loopback)`,
  )
}
