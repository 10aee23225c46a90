import { X509Certificate } from 'node:crypto'
import { readBase64Der, readEscapedPem, thumbprintOf, wrongCertificate } from './certificate.ts'

/** How a kind of proxy hands on the certificate of its client. */
export interface ProxyProfile {
  /** The header that holds it, in lower case. */
  readonly header: string
  /** Its thumbprint. @throws PopError for a value that the proxy would not write */
  read(value: string): string | undefined
  /** A header that must say that there is a certificate, and that it was verified. */
  readonly verdict?: { readonly header: string; readonly value: string }
}

/** The proxies that are known by name; for any other, write a function. */
export type ProxyProfileName = keyof typeof profiles

export const profiles = {
  /** `Client-Cert: :<base64 of the DER>:` (RFC 9440 section 2.2). */
  rfc9440: {
    header: 'client-cert',
    read(value: string) {
      if (!value.startsWith(':') || !value.endsWith(':') || value.length < 3)
        throw wrongCertificate('bytes between colons', 'another form')
      return thumbprintOf(readBase64Der(value.slice(1, -1)))
    },
  },
  /** Envoy and Istio with `SANITIZE_SET`: one element, which has the SHA-256 as `Hash`. */
  xfcc: { header: 'x-forwarded-client-cert', read: readForwardedElement },
  /** `proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert`, and `X-SSL-Client-Verify $ssl_client_verify`. */
  nginx: {
    header: 'x-ssl-client-cert',
    read: readOnePem,
    verdict: { header: 'x-ssl-client-verify', value: 'SUCCESS' },
  },
  /** An Application Load Balancer in verify mode. */
  'aws-alb': { header: 'x-amzn-mtls-clientcert-leaf', read: readOnePem },
  /** The same in passthrough mode, which verifies no chain: possession is proved, identity is not. */
  'aws-alb-passthrough': { header: 'x-amzn-mtls-clientcert', read: readChain },
  /** Custom headers `X-Client-Cert-Hash: {client_cert_sha256_fingerprint}` and `X-Client-Cert-Present: {client_cert_present}`. */
  'google-cloud': {
    header: 'x-client-cert-hash',
    read(value: string) {
      const unpadded = value.replace(/=$/, '')
      const bytes = Buffer.from(unpadded, 'base64')
      if (bytes.length !== 32 || bytes.toString('base64') !== `${unpadded}=`)
        throw wrongCertificate('the base64 of a SHA-256', 'another form')
      return bytes.toString('base64url')
    },
    verdict: { header: 'x-client-cert-present', value: 'true' },
  },
  /** App Service: base64 of the DER. */
  azure: {
    header: 'x-arr-clientcert',
    read: (value: string) => thumbprintOf(readBase64Der(value)),
  },
} as const satisfies Readonly<Record<string, ProxyProfile>>

function readOnePem(value: string): string | undefined {
  const [leaf, more] = readEscapedPem(value)
  if (more !== undefined) throw wrongCertificate('one certificate', 'several')
  return thumbprintOf(leaf)
}

/** The whole chain, the client's own certificate first. */
function readChain(value: string): string | undefined {
  const [leaf, issuer] = readEscapedPem(value)
  if (leaf !== undefined && issuer !== undefined && !hasIssued(issuer, leaf))
    throw wrongCertificate('the own certificate first', 'a chain in another order')
  return thumbprintOf(leaf)
}

function hasIssued(issuer: Uint8Array, leaf: Uint8Array): boolean {
  try {
    return new X509Certificate(leaf).checkIssued(new X509Certificate(issuer))
  } catch {
    throw wrongCertificate('the DER of one certificate', 'something else')
  }
}

/**
 * `Hash` of the one element. Commas, semicolons and equals signs inside of quotes are text, and a quote
 * in them has a backslash before it.
 */
function readForwardedElement(value: string): string | undefined {
  const pairs = splitOutsideQuotes(value, ';')
  if (splitOutsideQuotes(value, ',').length !== 1)
    throw wrongCertificate('one element', 'several: the proxy must use SANITIZE_SET')
  const hashes = pairs.filter((pair) => pair.slice(0, 5).toLowerCase() === 'hash=')
  const [hash = ''] = hashes
  const digits = hash.slice(5).replace(/^"(.*)"$/, '$1')
  if (hashes.length !== 1 || !/^[0-9a-f]{64}$/i.test(digits))
    throw wrongCertificate('one Hash of 64 hexadecimal digits', 'another form')
  return Buffer.from(digits, 'hex').toString('base64url')
}

function splitOutsideQuotes(text: string, separator: string): readonly string[] {
  const parts: string[] = []
  let start = 0
  let quoted = false
  for (let at = 0; at < text.length; at += 1) {
    if (quoted && text[at] === '\\') at += 1
    else if (text[at] === '"') quoted = !quoted
    else if (!quoted && text[at] === separator) {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  if (quoted) throw wrongCertificate('closed quotes', 'an open one')
  parts.push(text.slice(start))
  return parts.map((part) => part.trim())
}
