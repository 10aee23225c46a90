import { isUtf8 } from 'node:buffer'

/** Deeper JSON is refused: nothing we read needs it, and recursive consumers overflow on it. */
const deepest = 16

/**
 * Parses one JSON object (RFC 8259) the way a verifier must: valid UTF-8, no byte order mark, no
 * member twice, none called `__proto__`, at most 16 levels. Returns undefined for anything else.
 */
export function parseStrictObject(bytes: Buffer): Record<string, unknown> | undefined {
  if (!isUtf8(bytes)) return undefined
  const text = bytes.toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isPlainObject(value)) return undefined
  return countMembers(value, 1) === countColons(text) ? value : undefined
}

/** Narrows to a JSON object: not null, not an array. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The members of a parsed value, at all levels; NaN when it must be refused. `JSON.parse` keeps
 * one of two equal names, so a text with more colons than members repeats a name.
 */
function countMembers(value: object, level: number): number {
  if (level > deepest) return Number.NaN
  let count = 0
  const isArray = Array.isArray(value)
  for (const name of Object.keys(value)) {
    if (name === '__proto__') return Number.NaN
    if (!isArray) count += 1
    const member = (value as Record<string, unknown>)[name]
    if (typeof member === 'object' && member !== null) count += countMembers(member, level + 1)
  }
  return count
}

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a

/** The colons outside strings of a text that `JSON.parse` has accepted: one for each member. */
function countColons(text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code === colon) count += 1
    else if (code === quote) index = endOfString(text, index)
  }
  return count
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, index: number): boolean {
  let slashes = 0
  while (text.charCodeAt(index - 1 - slashes) === backslash) slashes += 1
  return slashes % 2 === 1
}
