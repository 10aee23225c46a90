import { sha256 } from './sha256.ts'

/** Bodies whose bytes are known before they are sent. */
export type SignableBody = string | ArrayBuffer | ArrayBufferView | URLSearchParams | Blob

/**
 * The `b` member: the hash of the bytes of the body.
 *
 * @see draft-ietf-oauth-signed-http-request-03 section 3
 * @throws TypeError for a stream (its bytes are not there yet) and for FormData (fetch chooses its
 * boundary later)
 */
export async function signBody(body: unknown): Promise<string> {
  return sha256(await bytesOf(body))
}

async function bytesOf(body: unknown): Promise<Uint8Array<ArrayBuffer>> {
  if (body === undefined || body === null) return new Uint8Array()
  if (typeof body === 'string') return new TextEncoder().encode(body)
  if (body instanceof URLSearchParams) return new TextEncoder().encode(body.toString())
  if (body instanceof ArrayBuffer) return new Uint8Array(body)
  if (body instanceof Blob) return new Uint8Array(await body.arrayBuffer())
  if (ArrayBuffer.isView(body)) {
    // A copy, because a view may lie on shared memory, which WebCrypto refuses.
    return Uint8Array.from(new Uint8Array(body.buffer, body.byteOffset, body.byteLength))
  }
  throw new TypeError('a body that is covered must be a string, bytes, URLSearchParams or a Blob')
}
