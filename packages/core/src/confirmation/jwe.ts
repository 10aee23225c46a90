import { PopError } from '../errors.ts'
import { parseStrictObject } from '../jws/strict-json.ts'
import { importSecretJwk, type Jwk, type VerificationKey } from '../keys/jwk.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'
import type { KeyFaultCode, KeyReader } from './jwk.ts'

/** A symmetric key, encrypted to this resource server (RFC 7800 section 3.3). */
export async function readEncrypted(
  jwe: unknown,
  token: ResolvedToken,
  reader: KeyReader,
  code: KeyFaultCode,
): Promise<VerificationKey> {
  if (token.decrypt === undefined) {
    throw new PopError(code, { member: 'jwe', expected: 'decryptionKeys', actual: 'none' })
  }
  const plaintext = typeof jwe === 'string' ? await token.decrypt(jwe) : undefined
  const jwk = plaintext && parseStrictObject(Buffer.from(plaintext))
  if (jwk === undefined) throw new PopError(code, { member: 'jwe', actual: 'encoding' })
  return readSecret(jwk, reader, code)
}

export function readSecret(
  jwk: Jwk,
  { algorithm }: KeyReader,
  code: KeyFaultCode,
): VerificationKey {
  const key = importSecretJwk(jwk, algorithm)
  if (typeof key === 'string') throw new PopError(code, { member: 'jwk', actual: key })
  return key
}
