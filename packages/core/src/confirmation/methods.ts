import type { SchemeName } from '../access-token.ts'
import { PopError } from '../errors.ts'
import type { Jwk } from '../keys/jwk.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'

/** A scheme that presents bound tokens. */
export type BoundScheme = Exclude<SchemeName, 'Bearer'>

interface Method {
  /** The scheme that the method is for. */
  readonly admits: BoundScheme
  /** Schemes that it may stand beside their own method in; both must hold then. */
  readonly beside: readonly BoundScheme[]
}

/** Which confirmation method (RFC 7800 section 3) admits which scheme. One not named here counts for none. */
const methods = new Map<string, Method>([
  ['jwk', { admits: 'PoP', beside: ['DPoP'] }],
  ['kid', { admits: 'PoP', beside: ['DPoP'] }],
  ['jwe', { admits: 'PoP', beside: [] }],
  ['jku', { admits: 'PoP', beside: [] }],
  ['jkt', { admits: 'DPoP', beside: ['PoP'] }],
  ['x5t#S256', { admits: 'mTLS', beside: ['PoP', 'DPoP'] }],
])

/**
 * Refuses a confirmation that has no method for the scheme, or one beside it that does not go with it.
 *
 * Not checked here: that the methods hold.
 */
export function checkMethods(confirmation: Jwk, scheme: BoundScheme): void {
  let admitted = false
  let other: string | undefined
  for (const [name, { admits, beside }] of methods) {
    if (!Object.hasOwn(confirmation, name) || confirmation[name] === undefined) continue
    if (admits === scheme) admitted = true
    else if (beside.includes(scheme)) other ??= name
    else throw otherMethod(name)
  }
  if (!admitted) throw other === undefined ? unusable('cnf') : otherMethod(other)
}

/** `token_type` of an introspection response (RFC 7662 section 2.2) may name the other bound scheme. */
export function refuseRivalTokenType(
  token: ResolvedToken,
  scheme: 'pop' | 'dpop' | 'bearer',
): void {
  const type = token.claims['token_type']
  const named = typeof type === 'string' ? type.toLowerCase() : ''
  if ((named === 'pop' || named === 'dpop') && named !== scheme) {
    throw otherMethod('token_type', named === 'pop' ? 'PoP' : 'DPoP')
  }
}

export function otherMethod(
  member: string,
  scheme: string = methods.get(member)?.admits ?? 'PoP',
): PopError {
  return new PopError('ERR_POP_BINDING_OTHER_METHOD', { member, actual: `for ${scheme}` })
}

export function otherKey(member: string, expected: string, actual: string): PopError {
  return new PopError('ERR_POP_BINDING_OTHER_KEY', { member, expected, actual })
}

export function unusable(member: string): PopError {
  return new PopError('ERR_POP_CONFIRMATION_INVALID', { member })
}
