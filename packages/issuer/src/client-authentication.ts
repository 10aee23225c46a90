import { createHash, timingSafeEqual } from 'node:crypto'
import type { ClientCertificate } from './client-certificate.ts'
import { IssuerError } from './errors.ts'
import {
  hasCertificates,
  isPublic,
  type ClientRegistration,
  type Registrations,
} from './registrations.ts'

interface Credentials {
  readonly id: string
  /** Absent: a public client names itself. */
  readonly secret?: string
}

/** Where a request comes from, and what it says. */
interface Asked {
  readonly request: Request
  readonly form: URLSearchParams
  /** The certificate of the connection. */
  readonly presented: ClientCertificate | undefined
}

/**
 * Authenticates by `client_secret_basic` or `client_secret_post`, or by `self_signed_tls_client_auth`
 * (RFC 8705 section 2.2), whichever the registration is for; a public client only names itself (RFC 6749 section
 * 2.3). Secrets are compared by their hashes, so that neither length nor content shows in the time that it takes;
 * whether an identifier exists is not hidden.
 *
 * @throws IssuerError `invalid_client`, and `invalid_request` for two ways at once
 */
export async function authenticate<Registration extends ClientRegistration>(
  { request, form, presented }: Asked,
  registrations: Registrations<Registration>,
  kind: 'confidential' | 'any',
): Promise<{ readonly id: string; readonly registration: Registration }> {
  const { id, secret } = readCredentials(request.headers.get('authorization'), form)
  const registration = await find(registrations, id)
  if (registration === undefined || !isAuthentic(registration, kind, { secret, presented }))
    throw notAuthenticated()
  return { id, registration }
}

function isAuthentic(
  registration: ClientRegistration,
  kind: 'confidential' | 'any',
  { secret, presented }: { secret: string | undefined; presented: ClientCertificate | undefined },
): boolean {
  if (isPublic(registration)) return kind === 'any' && secret === undefined
  if (registration.certificates === undefined) return isSame(secret, registration.secret)
  if (secret !== undefined || presented === undefined || !hasCertificates(registration))
    return false
  // Compared in any time: a certificate and its hash are no secret, and the handshake has proved the rest.
  return registration.certificates.includes(presented.thumbprint)
}

function readCredentials(authorization: string | null, form: URLSearchParams): Credentials {
  const [id, secret] = [form.get('client_id'), form.get('client_secret')]
  if (authorization === null) {
    if (id === null) throw notAuthenticated()
    return { id, ...(secret !== null && { secret }) }
  }
  if (secret !== null)
    throw new IssuerError('invalid_request', 'The client authenticates in two ways at once')
  const basic = readBasic(authorization)
  if (id !== null && id !== basic.id) throw notAuthenticated()
  return basic
}

/** Identifier and secret are form-encoded before they are joined (RFC 6749 section 2.3.1). */
function readBasic(authorization: string): Credentials {
  const [, encoded = ''] = /^basic +([\w+/-]+={0,2})$/i.exec(authorization) ?? []
  const [id = '', ...rest] = Buffer.from(encoded, 'base64').toString().split(':')
  return { id: formDecode(id), secret: formDecode(rest.join(':')) }
}

function formDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw notAuthenticated()
  }
}

async function find<Registration>(
  registrations: Registrations<Registration>,
  id: string,
): Promise<Registration | undefined> {
  if (typeof registrations === 'function') return (await registrations(id)) ?? undefined
  return Object.hasOwn(registrations, id) ? registrations[id] : undefined
}

function isSame(secret: string | undefined, expected: string | undefined): boolean {
  if (secret === undefined || typeof expected !== 'string' || expected === '') return false
  const [one, other] = [secret, expected].map((text) => createHash('sha256').update(text).digest())
  return one !== undefined && other !== undefined && timingSafeEqual(one, other)
}

function notAuthenticated(): IssuerError {
  return new IssuerError('invalid_client', 'The client is not authenticated')
}
