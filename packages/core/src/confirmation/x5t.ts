import { PopError } from '../errors.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'
import { checkMethods, otherMethod, otherKey, refuseRivalTokenType, unusable } from './methods.ts'

const method = 'x5t#S256'

/** Whether a token is bound to a certificate, however oddly it says so: an object of a resolver may inherit it. */
export function isCertificateBound({ confirmation }: ResolvedToken): boolean {
  return confirmation !== undefined && method in confirmation
}

/**
 * An mTLS token is bound to a certificate and to nothing else: no key would be proved.
 *
 * Not checked here: the certificate; see `confirmCertificate`.
 *
 * @see RFC 8705 section 3
 */
export function checkMtlsToken(token: ResolvedToken): void {
  refuseRivalTokenType(token, 'bearer')
  const { confirmation, key } = token
  if (confirmation === undefined) throw new PopError('ERR_POP_TOKEN_UNBOUND', { member: 'cnf' })
  checkMethods(confirmation, 'mTLS')
  if (key !== undefined) throw otherMethod('key')
}

/**
 * A token that is bound to a certificate, under whatever scheme, comes over a connection with that
 * certificate: `x5t#S256` is the SHA-256 of its DER in base64url (RFC 8705 section 3.1).
 *
 * @param findThumbprint gives that of the certificate in use; absent where `mtls()` is not enabled
 */
export function confirmCertificate(
  token: ResolvedToken,
  findThumbprint: (() => string | undefined) | undefined,
): void {
  if (!isCertificateBound(token)) return
  const bound = token.confirmation?.[method]
  if (typeof bound !== 'string') throw unusable(method)
  if (findThumbprint === undefined) throw otherMethod(method)
  const actual = findThumbprint()
  if (actual === undefined) throw new PopError('ERR_POP_CERTIFICATE_MISSING', { member: method })
  if (bound !== actual) throw otherKey(method, bound, actual)
}
