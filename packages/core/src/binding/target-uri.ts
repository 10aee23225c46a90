import { isDefaultPort, type Location, type Target } from '../location.ts'

/**
 * Compares `htu` with the request (RFC 9449 section 4.3 step 9): query and fragment ignored,
 * scheme-based and syntax-based normalisation of RFC 3986 section 6.2.2 and 6.2.3. Dot segments are
 * removed from `htu` only: the application sees those of the request. Userinfo, white space,
 * backslashes, other schemes and malformed percent sequences never match.
 */
export function matchesTargetUri(
  htu: string,
  target: Target,
  locations: readonly Location[],
): boolean {
  const claimed = parseTargetUri(htu)
  if (claimed === undefined) return false
  return locations.some(
    (own) =>
      own.scheme === claimed.scheme &&
      own.host === claimed.host &&
      own.port === claimed.port &&
      normaliseOctets(own.prefix + target.path) === claimed.path,
  )
}

/** The `htu` that would have matched, for the mismatch event. */
export function expectedTargetUri(location: Location, target: Target): string {
  const port = isDefaultPort(location) ? '' : `:${location.port}`
  return `${location.scheme}://${location.host}${port}${location.prefix}${target.path}`
}

interface TargetUri {
  readonly scheme: string
  readonly host: string
  readonly port: number
  readonly path: string
}

const httpUri = /^(https?):\/\/([^/?#]+)([^?#]*)/i

function parseTargetUri(htu: string): TargetUri | undefined {
  // oxlint-disable-next-line no-control-regex -- WHATWG parsers drop tabs and line feeds silently
  if (/[\u0000-\u0020\u007f\\]/.test(htu)) return undefined
  const [, scheme, authority, rawPath] = httpUri.exec(htu) ?? []
  if (authority === undefined || /[@%]/.test(authority)) return undefined
  const octets = normaliseOctets(rawPath ?? '')
  const origin = `${scheme}://${authority}/`
  if (octets === undefined || !URL.canParse(origin)) return undefined
  const { protocol, hostname, port } = new URL(origin)
  const secure = protocol === 'https:'
  return {
    scheme: secure ? 'https' : 'http',
    host: hostname,
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    path: removeDotSegments(octets),
  }
}

const unreserved = /^[A-Za-z0-9._~-]$/

/** Upper-case hex, unreserved characters decoded, non-ASCII ones encoded; undefined when malformed. */
function normaliseOctets(path: string): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(path) || !path.isWellFormed()) return undefined
  const decoded = path.replace(/%[0-9a-f]{2}/gi, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return unreserved.test(character) ? character : triplet.toUpperCase()
  })
  const encoded = decoded.replace(/[^\u0021-\u007e]+/g, encodeURIComponent)
  return encoded === '' ? '/' : encoded
}

/** RFC 3986 section 5.2.4, for a path that begins with a slash. */
function removeDotSegments(path: string): string {
  const kept: string[] = []
  const segments = path.split('/').slice(1)
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  const last = segments.at(-1)
  if (last === '.' || last === '..') kept.push('')
  return `/${kept.join('/')}`
}
