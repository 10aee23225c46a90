import { PopError, type PopErrorCode } from '../errors.ts'
import { parseStrictObject } from './strict-json.ts'

/** A compact JWS (RFC 7515 section 7.1) whose spelling and JSON are beyond doubt; not verified yet. */
export interface CompactJws {
  readonly header: Readonly<Record<string, unknown>>
  readonly payload: Readonly<Record<string, unknown>>
  /** `header.payload`, the bytes that were signed. */
  readonly signingInput: string
  readonly signature: Buffer
}

/**
 * The strict gate: exactly three segments of canonical unpadded base64url, strict JSON objects in
 * the first two. One token has one spelling, so a token string can stand for itself in caches.
 *
 * @param wanted what the text should be, for the evidence
 * @throws PopError with the code given, for anything else
 */
export function readCompactJws(
  text: string,
  code: PopErrorCode,
  wanted = 'a signed JWT',
): CompactJws {
  const first = text.indexOf('.')
  const second = text.indexOf('.', first + 1)
  if (first === -1 || second === -1 || text.includes('.', second + 1)) {
    throw new PopError(code, { member: 'parts', expected: wanted, actual: 'not three parts' })
  }
  const header = parseSegment(text.slice(0, first))
  const payload = parseSegment(text.slice(first + 1, second))
  const signature = decodeBase64Url(text.slice(second + 1))
  if (header === undefined || payload === undefined) {
    const member = header === undefined ? 'header' : 'payload'
    throw new PopError(code, { member, expected: 'a JSON object in base64url' })
  }
  if (signature === undefined) {
    throw new PopError(code, { member: 'signature', expected: 'base64url' })
  }
  return { header, payload, signingInput: text.slice(0, second), signature }
}

function parseSegment(segment: string): Record<string, unknown> | undefined {
  const bytes = decodeBase64Url(segment)
  return bytes === undefined ? undefined : parseStrictObject(bytes)
}

/** Decodes canonical, unpadded, non-empty base64url (RFC 7515 section 2); undefined otherwise. */
export function decodeBase64Url(text: string): Buffer | undefined {
  if (text === '') return undefined
  const bytes = Buffer.from(text, 'base64url')
  // Node decodes leniently; only the canonical spelling survives the way back.
  return bytes.toString('base64url') === text ? bytes : undefined
}
