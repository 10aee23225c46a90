import { PopError, optionError } from './errors.ts'
import { nonEmptyString } from './option-readers.ts'
import { hostOf, rawQuery, type HttpRequest } from './request.ts'

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

/** A location as configured: `https://*.example.com` stands for any one label before its `host`. */
export interface ConfiguredLocation extends Location {
  readonly anyLabel: boolean
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
export function readLocations(value: unknown): readonly ConfiguredLocation[] | undefined {
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

/** `https://*.` in front of a name with a dot of its own; more would be other people's names. */
const wildcard = /^(https?:\/\/)\*\.([^/:]+\.[^/:]+.*)$/i

function readLocation(value: unknown): ConfiguredLocation {
  const text = nonEmptyString('publicUrl', value)
  const [, scheme, parent] = wildcard.exec(text) ?? []
  const location = parseLocation(scheme === undefined ? text : `${scheme}${parent}`)
  if (location !== undefined) return Object.freeze({ ...location, anyLabel: scheme !== undefined })
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
 * `publicUrl` is `'request'`. The Host header is asked only which label a wildcard stands for, so
 * that a proof for one name is not good for another.
 */
export function locationsOf(
  configured: readonly ConfiguredLocation[] | undefined,
  request: HttpRequest,
): readonly Location[] {
  if (configured === undefined) return [frameworkLocation(request)]
  if (!configured.some(({ anyLabel }) => anyLabel)) return configured
  const named = configured.flatMap((own) => (own.anyLabel ? namedBy(request, own) : [own]))
  if (named.length > 0) return named
  throw new PopError('ERR_POP_HOST_MISMATCH', {
    member: 'host',
    expected: configured.map(({ host }) => `*.${host}`),
    actual: hostOf(request),
  })
}

function frameworkLocation({ origin }: HttpRequest): Location {
  const location = origin === undefined ? undefined : parseLocation(origin)
  if (location !== undefined) return location
  throw new PopError('ERR_POP_HOST_INVALID', { member: 'origin' })
}

/** The request's own Host, if it is one label and the parent, on the same port. */
function namedBy(request: HttpRequest, own: ConfiguredLocation): readonly Location[] {
  const here = parseLocation(`${own.scheme}://${hostOf(request)}`)
  if (here === undefined || here.port !== own.port) return []
  const label = here.host.endsWith(`.${own.host}`) ? here.host.slice(0, -own.host.length - 1) : ''
  if (label === '' || label.includes('.')) return []
  return [{ scheme: own.scheme, host: here.host, port: own.port, prefix: own.prefix }]
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
