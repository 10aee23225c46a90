import { PopError } from '../errors.ts'
import type { PublicKey } from '../keys/key-cache.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'
import { inspectPublic, type KeyReader } from './jwk.ts'
import { checkThumbprints } from './kid.ts'
import { checkMethods, otherKey, refuseRivalTokenType } from './methods.ts'

/**
 * The DPoP binding (RFC 9449 section 6): `jkt` is the thumbprint of the proof's key. A `jwk` or
 * `kid` beside it must name the same key; a method that we cannot check refuses the token.
 */
export function confirmDpopKey(token: ResolvedToken, key: PublicKey, reader: KeyReader): void {
  refuseRivalTokenType(token, 'dpop')
  const { confirmation } = token
  if (confirmation === undefined) throw new PopError('ERR_POP_TOKEN_UNBOUND', { member: 'cnf' })
  checkMethods(confirmation, 'DPoP')
  checkThumbprints(confirmation, key.thumbprint)
  if (confirmation['jwk'] === undefined) return
  const beside = inspectPublic(confirmation['jwk'], reader, 'ERR_POP_CONFIRMATION_KEY_INVALID')
  if (beside.thumbprint !== key.thumbprint) throw otherKey('jwk', beside.thumbprint, key.thumbprint)
}
