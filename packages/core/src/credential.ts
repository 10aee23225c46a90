import { formDecode, isNamed, isNestedIn, parseParameters } from './binding/parameters.ts'
import { PopError, type Evidence } from './errors.ts'
import { headerLines, rawQuery, type HttpRequest } from './request.ts'
import type { Credential, Scheme, Transport } from './schemes/scheme.ts'

const longestCredential = 16_384
const longestForm = 64 * 1024
const longestFormType = 1024

/** A value found in one place, before it is known to be the only one. */
interface Found extends Credential {
  /** The place holds several values, or one that is no string. */
  readonly ambiguous?: boolean
}

/** Something that could not be read as one credential, and the scheme it was meant for. */
export interface CredentialFault {
  readonly error: PopError
  readonly scheme: Scheme | undefined
}

/**
 * Finds the credential: exactly one, from exactly one place, of an enabled scheme, at most 16384
 * characters of token68 (RFC 6750 section 2, RFC 9110 section 11.4). A credential in a place that
 * is not enabled is none, but beside another one it is one too many. Undefined when there is none.
 */
export async function readCredential(
  request: HttpRequest,
  schemes: readonly Scheme[],
): Promise<Credential | CredentialFault | undefined> {
  const lines = headerLines(request, 'authorization')
  const found = lines.flatMap((line) => readHeader(line, schemes))
  for (const scheme of schemes) found.push(...readQuery(request, scheme))
  try {
    for (const scheme of schemes) found.push(...(await readForm(request, scheme, found.length > 0)))
  } catch (error) {
    if (error instanceof PopError) return { error, scheme: found[0]?.scheme }
    throw error
  }
  return onlyOne(found, lines.length)
}

/** Why a request without a credential may look to its client as if it had one; for evidence. */
export function missedCredential(request: Pick<HttpRequest, 'rawHeaders'>): Evidence | undefined {
  const [line = ''] = headerLines(request, 'authorization')
  const isBearer = line.slice(0, 'bearer '.length).toLowerCase() === 'bearer '
  if (!isBearer || headerLines(request, 'dpop').length === 0) return undefined
  return { member: 'authorization', expected: 'DPoP', actual: 'Bearer beside a DPoP header' }
}

function onlyOne(
  found: readonly Found[],
  headerCount: number,
): Credential | CredentialFault | undefined {
  const usable = found.filter(isEnabled)
  const [credential] = usable
  if (headerCount > 1) return fault('ERR_POP_CREDENTIAL_REPEATED', found[0])
  if (credential === undefined) return undefined
  if (found.length > 1) return fault('ERR_POP_CREDENTIAL_REPEATED', credential)
  if (credential.ambiguous === true) return fault('ERR_POP_CREDENTIAL_MALFORMED', credential)
  if (credential.value.length > longestCredential)
    return fault('ERR_POP_CREDENTIAL_TOO_LONG', credential)
  if (!isToken68(credential.value)) return fault('ERR_POP_CREDENTIAL_MALFORMED', credential)
  return credential
}

function isEnabled({ scheme, transport }: Found): boolean {
  return transport === 'header' || scheme.parameter?.transports.includes(transport) === true
}

function fault(code: PopError['code'], found: Found | undefined): CredentialFault {
  return { error: new PopError(code), scheme: found?.scheme }
}

/** RFC 9110 section 11.2. */
function isToken68(value: string): boolean {
  return /^[A-Za-z0-9._~+/-]+=*$/.test(value)
}

/**
 * `scheme 1*SP token68`; a value of a scheme that is not enabled is no credential. A scheme that knows its
 * credential by its form comes before those that take any token.
 */
function readHeader(line: string, schemes: readonly Scheme[]): readonly Found[] {
  const end = line.search(/[ \t]/)
  const word = (end === -1 ? line : line.slice(0, end)).toLowerCase()
  const value = end === -1 ? '' : line.slice(end).replace(/^ +/, '')
  const able = (one: Scheme): boolean => one.accepts(word, value)
  const scheme =
    schemes.find((one) => one.challenge !== 'Bearer' && able(one)) ??
    schemes.find(able) ??
    schemes.find(({ words }) => words?.includes(word))
  return scheme === undefined ? [] : [{ scheme, value, transport: 'header', word }]
}

function readQuery({ target }: HttpRequest, scheme: Scheme): readonly Found[] {
  if (scheme.parameter === undefined) return []
  return findParameter(rawQuery(target), scheme, 'query')
}

/** Names are compared as a form parser would read them, so that no spelling hides a second value. */
function findParameter(text: string, scheme: Scheme, transport: Transport): readonly Found[] {
  const name = scheme.parameter?.name ?? ''
  const found: Found[] = []
  for (const parameter of parseParameters(text, name.length)) {
    const ambiguous = isNestedIn(parameter, name)
    if (!ambiguous && !isNamed(parameter, name)) continue
    const value = formDecode(parameter.value ?? '')
    found.push({ scheme, value, transport, word: '', ambiguous })
  }
  return found
}

/**
 * The form is searched when it may carry a credential, and for a second one beside another. A form
 * that is too long to search is refused, unless there is a credential already.
 */
async function readForm(
  request: HttpRequest,
  scheme: Scheme,
  hasOther: boolean,
): Promise<readonly Found[]> {
  if (scheme.parameter?.transports.includes('form') !== true || !hasForm(request)) return []
  if (request.body === undefined) return readParsedForm(request.parsedForm, scheme)
  try {
    const bytes = await request.body(longestForm)
    return findParameter(Buffer.from(bytes).toString('latin1'), scheme, 'form')
  } catch (error) {
    if (!isTooLarge(error)) throw error
    if (hasOther) return []
    throw new PopError('ERR_POP_FORM_TOO_LARGE')
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof PopError && error.code === 'ERR_POP_BODY_TOO_LARGE'
}

/** What a body parser has left: an own property that is one string, or a refusal. */
function readParsedForm(form: unknown, scheme: Scheme): readonly Found[] {
  if (typeof form !== 'object' || form === null) return []
  const name = scheme.parameter?.name ?? ''
  return Object.keys(form).flatMap((key) => {
    const ambiguous = key.startsWith(`${name}[`)
    if (key !== name && !ambiguous) return []
    const value: unknown = (form as Record<string, unknown>)[key]
    const isText = typeof value === 'string'
    return [
      {
        scheme,
        value: isText ? value : '',
        transport: 'form',
        word: '',
        ambiguous: ambiguous || !isText,
      },
    ]
  })
}

const plainCharsets = ['utf-8', 'us-ascii']

/**
 * Only `application/x-www-form-urlencoded`, uncompressed, and never with GET or HEAD, whose bodies
 * mean nothing (RFC 9110 section 9.3.1).
 */
function hasForm(request: HttpRequest): boolean {
  if (request.method === 'GET' || request.method === 'HEAD') return false
  const lines = headerLines(request, 'content-type')
  const isForm = lines.map(isFormType)
  if (!isForm.includes(true)) return false
  if (lines.length > 1) throw new PopError('ERR_POP_FORM_INVALID', { member: 'content-type' })
  return headerLines(request, 'content-encoding').every(
    (coding) => coding.toLowerCase() === 'identity',
  )
}

/** One pass over the parameters of the media type (RFC 9110 section 8.3.1), whatever they hold. */
function isFormType(line: string): boolean {
  const semicolon = line.indexOf(';')
  const type = semicolon === -1 ? line : line.slice(0, semicolon)
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded') return false
  if (line.length <= longestFormType) {
    const [, ...parameters] = line.toLowerCase().split(';')
    if (parameters.every(isPlainCharset)) return true
  }
  throw new PopError('ERR_POP_FORM_INVALID', { member: 'content-type' })
}

/** Any parameter but `charset` means nothing here. */
function isPlainCharset(parameter: string): boolean {
  const equals = parameter.indexOf('=')
  if (equals === -1 || parameter.slice(0, equals).trim() !== 'charset') return true
  const value = parameter.slice(equals + 1).trim()
  return plainCharsets.some((charset) => value === charset || value === `"${charset}"`)
}
