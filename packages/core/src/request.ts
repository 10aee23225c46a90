import { PopError } from './errors.ts'

/**
 * A request exactly as it arrived. Adapters build it; nothing in it is parsed, decoded, merged or
 * resolved, so that duplicates and odd spellings stay visible.
 */
export interface HttpRequest {
  /** As on the wire, before any method override. */
  readonly method: string
  /** The raw request-target, before a router strips a mount path. */
  readonly target: string
  /** Name, value, name, value: `IncomingMessage.rawHeaders`. */
  readonly rawHeaders: readonly string[]
  /**
   * What the framework hands on as headers: lower-case names. A signed header must be there, because
   * servers leave out lines beyond a limit of theirs.
   */
  readonly headers?: Readonly<Record<string, unknown>>
  /**
   * The framework's own protocol and host, like `https://api.example.com`; used only with several
   * public URLs, to know which of them the application sees, and with `publicUrl: 'request'`.
   */
  readonly origin?: string
  /** The `:authority` of an HTTP/2 request. */
  readonly authority?: string
  /**
   * The raw body: transfer-decoded, not content-decoded. Reads at most `limit` bytes, or at most
   * the adapter's own limit. Absent when something has already read it.
   * Rejects with `ERR_POP_BODY_TOO_LARGE`, `ERR_POP_BODY_TIMEOUT` or `ERR_POP_BODY_ABORTED`.
   */
  readonly body?: (limit?: number) => Promise<Uint8Array>
  /** The parsed form, when a body parser ran first. */
  readonly parsedForm?: unknown
  /**
   * The connection's peer, for certificate-bound tokens: its address, `unix` for a Unix socket and empty where the
   * connection is gone, and the certificate that it has shown, as DER. The same certificate should be the same object.
   */
  readonly peer?: () => {
    readonly address: string
    readonly certificate?: Uint8Array | undefined
  }
}

/** The values of all lines of one header, in order, outer white space trimmed (RFC 9110 5.5). */
export function headerLines(
  { rawHeaders }: Pick<HttpRequest, 'rawHeaders'>,
  lowerCaseName: string,
): readonly string[] {
  const found: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    if (name.length !== lowerCaseName.length || name.toLowerCase() !== lowerCaseName) continue
    found.push(trimOws(rawHeaders[index + 1] as string))
  }
  return found
}

/** The one value that a framework hands on for a header; undefined where it hands on none, or several. */
export function handedOn({ headers }: HttpRequest, lowerCaseName: string): string | undefined {
  const value = headers?.[lowerCaseName]
  return typeof value === 'string' ? trimOws(value) : undefined
}

/** Without a regular expression: those that trim both ends are quadratic on inner runs of spaces. */
function trimOws(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isOws(value.charCodeAt(start))) start += 1
  while (end > start && isOws(value.charCodeAt(end - 1))) end -= 1
  return value.slice(start, end)
}

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09
}

const hostAndPort = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i

/** Whether a text is `host[:port]` and nothing else. */
export function isHost(text: string): boolean {
  return hostAndPort.test(text)
}

/**
 * Refuses a request that names no host, several hosts or something that is no `host[:port]`
 * (RFC 9112 3.2). The name itself decides nothing: see `location.ts`.
 */
export function checkHost(request: HttpRequest): void {
  const lines = headerLines(request, 'host')
  const names = request.authority === undefined ? lines : [request.authority, ...lines]
  const valid = lines.length <= 1 && names.length > 0 && names.every(isHost)
  const agree = names.every((name) => name.toLowerCase() === names[0]?.toLowerCase())
  if (!valid || !agree)
    throw new PopError('ERR_POP_HOST_INVALID', { member: 'host', actual: names })
}

/** The name that the request gives to this server; to be trusted with nothing but itself. */
export function hostOf(request: HttpRequest): string {
  return request.authority ?? headerLines(request, 'host')[0] ?? ''
}

/** The raw query of a request-target, without its `?`; empty when there is none. */
export function rawQuery(target: string): string {
  const mark = target.indexOf('?')
  return mark === -1 ? '' : target.slice(mark + 1)
}
