import { PopError } from '../errors.ts'
import type { AlgorithmName } from '../jws/algorithms.ts'
import { isPlainObject } from '../jws/strict-json.ts'
import type { VerificationKey } from '../keys/jwk.ts'
import type { KeyCache, PublicKey } from '../keys/key-cache.ts'

/** What reads a public key. */
export interface KeyReader {
  readonly algorithm: AlgorithmName
  readonly keys: KeyCache
}

export type KeyFaultCode = 'ERR_POP_CONFIRMATION_KEY_INVALID' | 'ERR_POP_PROOF_KEY_INVALID'

export function readPublic(jwk: unknown, reader: KeyReader, code: KeyFaultCode): VerificationKey {
  return importPublic(inspectPublic(jwk, reader, code), code)
}

/** A public key after hygiene; refused with the code given. */
export function inspectPublic(
  jwk: unknown,
  { algorithm, keys }: KeyReader,
  code: KeyFaultCode,
): PublicKey {
  const key = isPlainObject(jwk) ? keys.read(jwk, algorithm) : 'type'
  if (typeof key === 'string') throw new PopError(code, { member: 'jwk', actual: key })
  return key
}

export function importPublic(key: PublicKey, code: KeyFaultCode): VerificationKey {
  const imported = key.import()
  if (imported === undefined) throw new PopError(code, { member: 'jwk', actual: 'point' })
  return imported
}
