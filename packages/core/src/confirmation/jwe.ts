import { PopError } from '../errors.ts'
import type { AlgorithmName } from '../jws/algorithms.ts'
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

/**
 * The secrets of remembered tokens: decrypting one costs more than all the rest of a request. An entry lives as
 * long as the frozen `cnf` of its token, and was made for one algorithm.
 */
const unwrapped = new WeakMap<Jwk, { readonly alg: AlgorithmName; readonly key: VerificationKey }>()

/** The symmetric key in the `cnf` of a token itself. */
export async function readConfirmedSecret(
  confirmation: Jwk,
  token: ResolvedToken,
  reader: KeyReader,
): Promise<VerificationKey> {
  const known = unwrapped.get(confirmation)
  if (known?.alg === reader.algorithm) return known.key
  const code = 'ERR_POP_CONFIRMATION_KEY_INVALID'
  const key = await readEncrypted(confirmation['jwe'], token, reader, code)
  unwrapped.set(confirmation, { alg: reader.algorithm, key })
  return key
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
