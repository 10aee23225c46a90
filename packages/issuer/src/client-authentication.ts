import { createHash, timingSafeEqual } from 'node:crypto'
import { IssuerError } from './errors.ts'
import { isPublic, type ClientRegistration, type Registrations } from './registrations.ts'

interface Credentials {
  readonly id: string
  /** Absent: a public client names itself. */
  readonly secret?: string
}

/**
 * Authenticates by `client_secret_basic` or `client_secret_post`; a public client only names itself
 * (RFC 6749 section 2.3). Secrets are compared by their hashes, so that neither length nor content
 * shows in the time that it takes; whether an identifier exists is not hidden.
 *
 * @throws IssuerError `invalid_client`, and `invalid_request` for two ways at once
 */
export async function authenticate<Registration extends ClientRegistration>(
  request: Request,
  form: URLSearchParams,
  registrations: Registrations<Registration>,
  kind: 'confidential' | 'any',
): Promise<{ readonly id: string; readonly registration: Registration }> {
  const { id, secret } = readCredentials(request.headers.get('authorization'), form)
  const registration = await find(registrations, id)
  if (registration === undefined) throw notAuthenticated()
  if (kind === 'any' && isPublic(registration)) {
    if (secret !== undefined) throw notAuthenticated()
  } else if (!isSame(secret, registration.secret)) {
    throw notAuthenticated()
  }
  return { id, registration }
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
