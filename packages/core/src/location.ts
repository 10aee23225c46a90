import { PopError, optionError } from './errors.ts'
import { nonEmptyString } from './option-readers.ts'
import { rawQuery, type HttpRequest } from './request.ts'

/** One URL under which clients know this server. */
export interface Location {
  readonly scheme: 'http' | 'https'
  /** Lower case, IDN in its ASCII form, IPv6 in brackets. */
  readonly host: string
  /** The effective port, also where the URL leaves it out. */
  readonly port: number
  /** The path that a proxy strips before the request arrives; no trailing slash. */
  readonly prefix: string
}

/** The part of a request-target that proofs sign, exactly as it arrived. */
export interface Target {
  readonly path: string
  /** Without `?`. */
  readonly query: string
}

const defaultPorts = { http: 80, https: 443 } as const

/**
 * Reads the `publicUrl` option. `'request'` gives undefined: the location is then the framework's
 * own view of each request.
 *
 * @throws TypeError with `code`
 */
export function readLocations(value: unknown): readonly Location[] | undefined {
  if (value === 'request') return undefined
  if (value === undefined) {
    throw optionError(
      'ERR_POP_OPTION_MISSING',
      "publicUrl is missing: write publicUrl: 'https://api.example.com', the URL that clients use",
    )
  }
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0)
    throw optionError('ERR_POP_OPTION_INVALID', 'publicUrl must not be an empty list')
  return Object.freeze(list.map(readLocation))
}

function readLocation(value: unknown): Location {
  const text = nonEmptyString('publicUrl', value)
  const location = parseLocation(text)
  if (location !== undefined) return location
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    `publicUrl ${JSON.stringify(text)} must be an http or https URL of a host and an optional path`,
  )
}

function parseLocation(text: string): Location | undefined {
  if (!URL.canParse(text) || /[*?#@\\\s]/.test(text)) return undefined
  const url = new URL(text)
  const scheme = url.protocol.slice(0, -1)
  if (scheme !== 'http' && scheme !== 'https') return undefined
  const port = url.port === '' ? defaultPorts[scheme] : Number(url.port)
  return Object.freeze({
    scheme,
    host: url.hostname,
    port,
    prefix: url.pathname.replace(/\/+$/, ''),
  })
}

/**
 * The locations that count for this request: the configured ones, or what the framework says when
 * `publicUrl` is `'request'`. The Host header is never asked.
 */
export function locationsOf(
  configured: readonly Location[] | undefined,
  request: HttpRequest,
): readonly Location[] {
  if (configured !== undefined) return configured
  const location = request.origin === undefined ? undefined : parseLocation(request.origin)
  if (location !== undefined) return [location]
  throw new PopError('ERR_POP_HOST_INVALID', { member: 'origin' })
}

/** The default port of a scheme may be left out. */
export function isDefaultPort({ scheme, port }: Location): boolean {
  return port === defaultPorts[scheme]
}

const absoluteForm = /^(https?):\/\/([^/?]*)(.*)$/i

/**
 * Splits the request-target at its first `?`, without decoding or resolving anything. An
 * absolute-form target (RFC 9112 3.2.2) must name one of the locations. A target with `#` or a
 * backslash is refused: servers and URL parsers disagree on what it names.
 */
export function readTarget(target: string, locations: readonly Location[]): Target {
  if (target.includes('#') || target.includes('\\')) throw refusedTarget()
  // Nearly every target begins with a slash; the rest is worth a closer look.
  const [, scheme, authority, rest] = target.startsWith('/')
    ? []
    : (absoluteForm.exec(target) ?? [])
  if (scheme === undefined) return split(target)
  const named = parseLocation(`${scheme}://${authority}`)
  const ours = locations.some(
    (own) => own.scheme === named?.scheme && own.host === named.host && own.port === named.port,
  )
  if (!ours) throw refusedTarget()
  return split(rest ?? '')
}

function refusedTarget(): PopError {
  return new PopError('ERR_POP_TARGET_INVALID', { member: 'target' })
}

function split(target: string): Target {
  const mark = target.indexOf('?')
  return { path: mark === -1 ? target : target.slice(0, mark), query: rawQuery(target) }
}
