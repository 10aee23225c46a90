import { hash } from 'node:crypto'

/** SHA-256 of a string (UTF-8) or of bytes, as 43 characters of base64url. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'base64url')
}

/** SHA-256 over the parts, each preceded by its length, so that no two lists collide. */
export function sha256OfParts(...parts: readonly string[]): string {
  return sha256(parts.map((part) => `${part.length}:${part}`).join(''))
}
