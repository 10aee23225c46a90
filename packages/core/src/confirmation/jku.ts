import type { Jwk, VerificationKey } from '../keys/jwk.ts'
import type { FindJkuKey } from '../tokens/jku-keys.ts'
import { readPublic, type KeyReader } from './jwk.ts'
import { checkThumbprints } from './kid.ts'
import { unusable } from './methods.ts'

/** Beside `jku`, `kid` names a key of the set (RFC 7800 section 3.5) and is no thumbprint. */
export async function readJkuKey(
  { jku, kid, ...others }: Jwk,
  findJkuKey: FindJkuKey,
  reader: KeyReader,
): Promise<VerificationKey> {
  if (others['jwk'] !== undefined || others['jwe'] !== undefined) throw unusable('jku')
  const jwk = await findJkuKey(jku, kid)
  const key = readPublic(jwk, reader, 'ERR_POP_CONFIRMATION_KEY_INVALID')
  checkThumbprints(others, key.thumbprint)
  return key
}
