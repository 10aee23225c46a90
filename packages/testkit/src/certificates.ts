import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Who has a certificate: two sign their own, `bob` and the `server` have theirs from `ca`. */
export type CertificateName = 'alice' | 'mallory' | 'bob' | 'server' | 'ca'

export interface TestCertificate {
  /** PEM. */
  readonly cert: string
  readonly der: Uint8Array
  /** `x5t#S256`: SHA-256 of the DER in base64url. */
  readonly thumbprint: string
}

/** A certificate of this kit, valid for a hundred years from 2026. */
export function readCertificate(name: CertificateName): TestCertificate {
  const cert = readPem(name)
  const { raw, fingerprint256 } = new X509Certificate(cert)
  const digest = Buffer.from(fingerprint256.replaceAll(':', ''), 'hex')
  return { cert, der: raw, thumbprint: digest.toString('base64url') }
}

/** The private key of a certificate, as PEM. */
export function readCertificateKey(name: Exclude<CertificateName, 'ca'>): string {
  return readPem(`${name}-key`)
}

function readPem(name: string): string {
  return readFileSync(new URL(`../certificates/${name}.pem`, import.meta.url), 'utf8')
}
