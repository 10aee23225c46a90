import { thumbprintOf, type ClientCertificate } from './client-certificate.ts'
import { IssuerError } from './errors.ts'
import type { KeyBinding } from './key-binding.ts'

/** What a grant says about the key, and what the request has named and proven. */
interface KeyClaims {
  readonly granted: KeyBinding | undefined
  readonly requested: KeyBinding | undefined
  readonly provenJkt: string | undefined
  /** The certificate of the connection. */
  readonly presented: ClientCertificate | undefined
  /** Whether the tokens of the client are bound to its certificate. */
  readonly bindsCertificate: boolean
  /** What code or refresh token is bound to. */
  readonly grantedJkt: string | undefined
  readonly grantedCertificate: string | undefined
}

/**
 * The key of the token. A key that a DPoP proof has shown is the one, and none is bound by its `jkt`
 * without: a client that asks for DPoP never gets another kind of token. Tokens of a client that has them
 * bound to its certificate are, whatever other key they have.
 *
 * @throws IssuerError
 */
export function chooseKey(claims: KeyClaims): KeyBinding {
  const { granted, requested, provenJkt, presented, grantedJkt, grantedCertificate } = claims
  if (grantedJkt !== undefined && grantedJkt !== provenJkt)
    throw new IssuerError('invalid_grant', 'The grant is for another DPoP key')
  if (grantedCertificate !== undefined && grantedCertificate !== presented?.thumbprint)
    throw new IssuerError('invalid_grant', 'The grant is for another certificate')
  const certificate = chooseCertificate(claims)
  const key = chooseProofKey(granted ?? requested, provenJkt)
  if (certificate !== undefined) return { by: 'client', ...key, certificate }
  if (key === undefined) throw new IssuerError('invalid_request', 'The request names no key')
  return key
}

function chooseCertificate(claims: KeyClaims): Uint8Array | undefined {
  const { granted, presented, bindsCertificate } = claims
  const isGranted = granted !== undefined && 'certificate' in granted
  if (isGranted && thumbprintOf(granted.certificate) !== presented?.thumbprint)
    throw new IssuerError('invalid_request', 'The token is granted to another certificate')
  return isGranted || bindsCertificate ? presented?.der : undefined
}

function chooseProofKey(
  key: KeyBinding | undefined,
  provenJkt: string | undefined,
): KeyBinding | undefined {
  const jkt = key !== undefined && 'jkt' in key ? key.jkt : undefined
  if (provenJkt !== undefined) {
    if (key !== undefined && jkt !== provenJkt)
      throw new IssuerError(
        'invalid_request',
        'The token is granted to another key than the proven',
      )
    return { by: 'client', jkt: provenJkt }
  }
  if (jkt !== undefined)
    throw new IssuerError('invalid_dpop_proof', 'The request carries no DPoP proof')
  return key
}
