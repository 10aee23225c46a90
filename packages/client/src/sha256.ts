import { base64url } from 'jose'
import { webCrypto } from './web-crypto.ts'

/** SHA-256 of bytes, as 43 characters of base64url. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return base64url.encode(new Uint8Array(await webCrypto().digest('SHA-256', bytes)))
}
