import { base64url } from 'jose'
import type { SigningKey } from './proof-key.ts'

/** JWS compact serialization (RFC 7515 section 7.1). */
export async function signCompact(
  header: object,
  payload: object,
  key: Pick<SigningKey, 'sign'>,
): Promise<string> {
  const [first, second] = [header, payload].map((part) => base64url.encode(JSON.stringify(part)))
  const signingInput = `${first}.${second}`
  const signature = await key.sign(new TextEncoder().encode(signingInput))
  return `${signingInput}.${base64url.encode(signature)}`
}
