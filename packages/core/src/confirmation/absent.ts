import { PopError } from '../errors.ts'
import type { VerificationKey } from '../keys/jwk.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'
import { askApplication, readApplicationKey } from './application-key.ts'
import { readPublic } from './jwk.ts'
import { andNoneKnown } from './kid.ts'
import { refuseRivalTokenType } from './methods.ts'
import type { KeySources } from './pop-key.ts'

/** The key of a token without `cnf`: the one that its source names beside it, else the application's. */
export async function findUnconfirmedKey(
  token: ResolvedToken,
  sources: KeySources,
): Promise<VerificationKey> {
  if (token.key !== undefined)
    return readPublic(token.key, sources, 'ERR_POP_CONFIRMATION_KEY_INVALID')
  const jwk = await askApplication(token, sources)
  if (jwk !== undefined) return readApplicationKey(jwk, sources)
  const note = sources.resolveKey === undefined ? '' : andNoneKnown
  throw new PopError('ERR_POP_TOKEN_UNBOUND', { member: 'cnf', actual: `none${note}` })
}

/** A bearer token must be bound to nothing: neither by `cnf`, however odd, nor by a key beside it. */
export function refuseBound(token: ResolvedToken): void {
  refuseRivalTokenType(token, 'bearer')
  const { confirmation, key, claims } = token
  if (confirmation !== undefined) throw new PopError('ERR_POP_TOKEN_BOUND', { member: 'cnf' })
  if (key === undefined) return
  const member = Object.keys(claims).find((name) => claims[name] === key) ?? 'key'
  throw new PopError('ERR_POP_TOKEN_BOUND', { member })
}
