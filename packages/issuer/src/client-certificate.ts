import { createHash, X509Certificate } from 'node:crypto'
import { IssuerError } from './errors.ts'

/** What the framework knows of the connection that a request came over. */
export interface ClientConnection {
  /**
   * The certificate of the client, as DER: that of the TLS connection itself, or of a proxy's that nobody else can
   * write. It is believed: the handshake has proved that the client has the private key.
   */
  readonly certificate?: Uint8Array | undefined
}

/** A certificate with its `x5t#S256`. */
export interface ClientCertificate {
  readonly der: Uint8Array
  readonly thumbprint: string
}

/**
 * The certificate of a connection; undefined for one without.
 *
 * @throws IssuerError `invalid_request`, and TypeError, as `thumbprintOf`
 */
export function readCertificate(connection: ClientConnection = {}): ClientCertificate | undefined {
  const { certificate: der } = connection
  return der === undefined ? undefined : { der, thumbprint: thumbprintOf(der) }
}

/**
 * `x5t#S256` of the certificate of a client: SHA-256 of its DER, in base64url (RFC 8705 section 3.1).
 * Chain and dates are not looked at.
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
