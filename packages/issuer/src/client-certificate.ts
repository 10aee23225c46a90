import { createHash, X509Certificate } from 'node:crypto'
import { IssuerError } from './errors.ts'

/**
 * `x5t#S256` of the certificate of a client: SHA-256 of its DER, in base64url (RFC 8705 section 3.1). The
 * handshake has proved that the client has its private key; chain and dates are not looked at.
 *
 * @throws IssuerError `invalid_request` for anything but the DER of one certificate
 * @throws TypeError for what is no bytes
 */
export function thumbprintOf(der: unknown): string {
  if (!(der instanceof Uint8Array))
    throw new TypeError('certificate must be the DER of a certificate, as bytes')
  if (!isCertificate(der))
    throw new IssuerError('invalid_request', 'The certificate of the client is not usable')
  return createHash('sha256').update(der).digest('base64url')
}

/** PEM would be read too, and so would more bytes behind the end; neither has the hash of the certificate. */
function isCertificate(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).raw.equals(der)
  } catch {
    return false
  }
}
