import { PopError, optionError } from './errors.ts'
import { nonEmptyString } from './option-readers.ts'
import { hostOf, isHost, rawQuery, type HttpRequest } from './request.ts'

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
    prefix: withoutTrailingSlashes(url.pathname),
  })
}

function withoutTrailingSlashes(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end -= 1
  return path.slice(0, end)
}

/**
 * The locations that count for this request: the configured ones, or what the framework says when
 * `publicUrl` is `'request'`. The host that the application sees is asked only which of several it
 * names, or which label a wildcard stands for: a proof for one of them is not good for another. One
 * that names none of them is the business of a proxy, and decides nothing.
 */
export function locationsOf(
  configured: readonly ConfiguredLocation[] | undefined,
  request: HttpRequest,
): readonly Location[] {
  if (configured === undefined) return [seenLocation(request)]
  const [first, ...others] = configured
  if (first?.anyLabel === false && others.length === 0) return configured
  const seen = seenHost(request)
  const named = configured.flatMap((own) => namedBy(seen, own))
  const exact = named.filter(({ scheme, port }) => port === (seen.port ?? defaultPorts[scheme]))
  if (exact.length > 0) return exact
  // A proxy may change the port of a name that is written out.
  const fixed = (named.length > 0 ? named : configured).filter(isFixed)
  if (fixed.length > 0) return fixed
  throw new PopError('ERR_POP_HOST_MISMATCH', {
    member: 'host',
    expected: configured.map(({ host }) => `*.${host}`),
    actual: hostOf(request),
  })
}

function isFixed(location: Location | ConfiguredLocation): boolean {
  return 'anyLabel' in location && !location.anyLabel
}

/** Protocol and host as the framework sees them. */
function seenLocation({ origin = '' }: HttpRequest): Location {
  const [scheme, host = ''] = origin.split('://', 2)
  const location = isHost(host) ? parseLocation(`${scheme}://${host}`) : undefined
  if (location !== undefined) return location
  throw new PopError('ERR_POP_HOST_INVALID', { member: 'origin', actual: origin })
}

/** A host with the port that it names, if it names one. */
interface SeenHost {
  readonly host: string
  readonly port?: number
}

/** The host as the framework sees it, else as the request names it. */
function seenHost(request: HttpRequest): SeenHost {
  const { origin } = request
  const text = origin === undefined ? hostOf(request) : (origin.split('://', 2)[1] ?? '')
  const location = isHost(text) ? parseLocation(`https://${text}`) : undefined
  if (location === undefined) {
    throw new PopError('ERR_POP_HOST_INVALID', { member: 'origin', actual: origin })
  }
  const { host, port } = location
  return /:\d+$/.test(text) ? { host, port } : { host }
}

/** The location as the host names it: itself, or for a wildcard the one with the label. */
function namedBy(seen: SeenHost, own: ConfiguredLocation): readonly Location[] {
  const { scheme, port, prefix, anyLabel } = own
  const { host } = seen
  // A dot at the end is another spelling of the same name.
  const name = host.endsWith('.') ? host.slice(0, -1) : host
  if (!anyLabel) return name === own.host ? [own] : []
  const label = name.endsWith(`.${own.host}`) ? name.slice(0, -own.host.length - 1) : ''
  return label === '' || label.includes('.') ? [] : [{ scheme, host, port, prefix }]
}

/** The default port of a scheme may be left out. */
export function isDefaultPort({ scheme, port }: Location): boolean {
  return port === defaultPorts[scheme]
}

const absoluteForm = /^(https?):\/\/([^/?]*)/i

/**
 * Splits the request-target at its first `?`, without decoding or resolving anything. An
 * absolute-form target (RFC 9112 3.2.2) must name one of the locations. A target with `#` or a
 * backslash is refused, and an absolute one without a path: servers, routers and URL parsers disagree
 * on what it names.
 */
export function readTarget(target: string, locations: readonly Location[]): Target {
  if (target.includes('#') || target.includes('\\')) throw refusedTarget()
  // Nearly every target begins with a slash; the rest is worth a closer look.
  const [start = '', scheme, authority] = target.startsWith('/')
    ? []
    : (absoluteForm.exec(target) ?? [])
  if (scheme === undefined) return split(target)
  const rest = target.slice(start.length)
  const named = parseLocation(`${scheme}://${authority}`)
  const ours = locations.some(
    (own) => own.scheme === named?.scheme && own.host === named.host && own.port === named.port,
  )
  if (!ours || !rest.startsWith('/')) throw refusedTarget()
  return split(rest)
}

function refusedTarget(): PopError {
  return new PopError('ERR_POP_TARGET_INVALID', { member: 'target' })
}

function split(target: string): Target {
  const mark = target.indexOf('?')
  return { path: mark === -1 ? target : target.slice(0, mark), query: rawQuery(target) }
}
