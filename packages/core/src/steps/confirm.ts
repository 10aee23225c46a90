import { confirmCertificate, isCertificateBound } from '../confirmation/x5t.ts'
import type { VerificationKey } from '../keys/jwk.ts'
import type { Scheme } from '../schemes/scheme.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'
import type { TimelyToken } from '../tokens/resolve.ts'
import type { ReadProof } from './read.ts'

declare const confirmed: unique symbol

/** A proof whose token names the key, or needs none; made here alone. */
export interface ConfirmedProof extends ReadProof {
  readonly [confirmed]: true
  readonly token: ResolvedToken
  readonly key: VerificationKey | undefined
}

/**
 * Step 4: every confirmation method of the token holds, as far as it can without the signature: the key
 * by the scheme, the certificate whatever the scheme.
 *
 * @throws PopError
 */
export async function confirmKey(
  read: ReadProof,
  token: TimelyToken,
  schemes: readonly Scheme[],
): Promise<ConfirmedProof> {
  const { credential, exchange, proof } = read
  const scheme = schemeOf(read.scheme, token, schemes)
  const key = await scheme.confirm(proof, token)
  const find = schemes.find(({ certificateThumbprint }) => certificateThumbprint !== undefined)
  confirmCertificate(token, find && (() => find.certificateThumbprint?.(exchange.request)))
  const parts: Omit<ConfirmedProof, symbol> = { scheme, credential, exchange, proof, token, key }
  return parts as ConfirmedProof
}

/** Plain and certificate-bound tokens travel alike (RFC 8705 section 3): the token says which it is. */
function schemeOf(read: Scheme, token: ResolvedToken, schemes: readonly Scheme[]): Scheme {
  if (read.challenge !== 'Bearer') return read
  const wanted = isCertificateBound(token) ? 'mTLS' : 'Bearer'
  return schemes.find(({ name }) => name === wanted) ?? read
}

/**
 * Step 4 where there is no token yet: the proof is made by the key that it carries (RFC 9449 section 5).
 *
 * @param clientId who asks, so that a client with many keys is one owner in the replay store
 */
export function confirmOwnKey(
  read: ReadProof,
  key: VerificationKey,
  clientId: string | undefined,
): ConfirmedProof {
  const { scheme, credential, exchange, proof } = read
  const token: ResolvedToken = {
    claims: {},
    scopes: [],
    audience: [],
    ...(clientId !== undefined && { clientId }),
  }
  return { scheme, credential, exchange, proof, token, key } as ConfirmedProof
}
