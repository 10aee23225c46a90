import { PopError } from '../errors.ts'
import { describeFault } from '../fault.ts'
import { isPlainObject } from '../jws/strict-json.ts'
import type { VerificationKey } from '../keys/jwk.ts'
import { callOutside } from '../outside-call.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'
import { readSecret } from './jwe.ts'
import { readPublic, type KeyReader } from './jwk.ts'
import type { KeySources } from './pop-key.ts'

export function readApplicationKey(jwk: unknown, reader: KeyReader): VerificationKey {
  if (!isPlainObject(jwk) || jwk['kty'] !== 'oct') {
    return readPublic(jwk, reader, 'ERR_POP_CONFIRMATION_KEY_INVALID')
  }
  return readSecret(jwk, reader, 'ERR_POP_CONFIRMATION_KEY_INVALID')
}

export async function askApplication(
  token: ResolvedToken,
  { resolveKey }: KeySources,
): Promise<unknown> {
  if (resolveKey === undefined) return undefined
  try {
    return await callOutside(resolveKey, () => resolveKey(token))
  } catch (error) {
    if (error instanceof PopError) throw error
    throw new PopError('ERR_POP_KEY_SOURCE_UNAVAILABLE', describeFault(error))
  }
}
