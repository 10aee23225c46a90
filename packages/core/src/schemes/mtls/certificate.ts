import { PopError } from '../../errors.ts'
import { sha256 } from '../../hash.ts'

/** The certificate of a connection is one object for as long as it lasts. */
const thumbprints = new WeakMap<Uint8Array, string>()

/** `x5t#S256` of a certificate: SHA-256 of its DER, in base64url (RFC 8705 section 3.1). */
export function thumbprintOf(der: Uint8Array | undefined): string | undefined {
  if (der === undefined) return undefined
  const known = thumbprints.get(der)
  if (known !== undefined) return known
  if (!(der instanceof Uint8Array)) throw wrongCertificate('DER', 'no bytes')
  const thumbprint = sha256(der)
  thumbprints.set(der, thumbprint)
  return thumbprint
}

/** What the proxy names as the certificate is none. */
export function wrongCertificate(expected: string, actual: string): PopError {
  return new PopError('ERR_POP_CERTIFICATE_INVALID', { member: 'certificate', expected, actual })
}

/** The bytes of canonical base64 that are exactly one DER structure. @throws PopError */
export function readBase64Der(text: string): Uint8Array {
  // Form-decoding makes a space of each plus sign.
  if (text.includes(' ')) throw wrongCertificate('base64', 'spaces where a plus sign may have been')
  const der = Buffer.from(text, 'base64')
  if (der.length === 0 || der.toString('base64') !== text)
    throw wrongCertificate('base64', 'another encoding')
  if (!isOneStructure(der)) throw wrongCertificate('the DER of one certificate', 'something else')
  return der
}

/** An outer SEQUENCE that ends where the bytes end: neither cut nor followed by anything. */
function isOneStructure(der: Uint8Array): boolean {
  const [tag, first = 0, ...more] = der.subarray(0, 6)
  if (tag !== 0x30) return false
  if (first < 0x80) return der.length === 2 + first
  const count = first - 0x80
  if (count === 0 || count > 4) return false
  const length = more.slice(0, count).reduce((sum, byte) => sum * 256 + byte, 0)
  return der.length === 2 + count + length
}

const begin = '-----BEGIN CERTIFICATE-----'
const end = '-----END CERTIFICATE-----'

/**
 * The certificates of percent-encoded PEM, with nothing around them. Form-decoding, which makes a space of a plus
 * sign, is not done.
 *
 * @throws PopError
 */
export function readEscapedPem(text: string): readonly Uint8Array[] {
  const pem = percentDecode(text).trimEnd()
  const parts = pem.split(begin)
  if (parts.length === 1) throw wrongCertificate('PEM', 'no certificate')
  if (parts[0] !== '') throw wrongCertificate('PEM', 'text around a certificate')
  return parts.slice(1).map((part) => {
    const [body = '', rest] = part.split(end)
    if (rest === undefined || rest.trim() !== '')
      throw wrongCertificate('PEM', 'text around a certificate')
    return readBase64Der(body.replaceAll('\r', '').replaceAll('\n', ''))
  })
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrongCertificate('percent-encoding', 'another encoding')
  }
}
