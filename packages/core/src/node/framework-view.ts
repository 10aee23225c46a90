import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'

/** The framework's own view of a request, as far as it differs from Node's. */
export interface FrameworkView {
  /** The raw target before a router stripped a mount path. */
  readonly target: string
  /** Protocol and host as the framework sees them, like `https://api.example.com`. */
  readonly origin: () => string
  /** What a body parser left behind, if one ran first. */
  readonly parsedForm?: unknown
}

/** What Express 4 and 5 add to a request; Nest on Express has the same. */
export interface ExpressRequest extends IncomingMessage {
  readonly originalUrl: string
  readonly app: { get(name: string): unknown }
  readonly body?: unknown
}

export function expressView(request: ExpressRequest): FrameworkView {
  return {
    target: request.originalUrl,
    origin: () => originOf(request, isTrusted(request)),
    parsedForm: request.body,
  }
}

/** Express 4 drops the port of `X-Forwarded-Host`, so `trust proxy` is asked here. */
function isTrusted({ app, socket }: ExpressRequest): boolean {
  const trusts = app.get('trust proxy fn') as (address: string | undefined, hop: number) => boolean
  return trusts(socket.remoteAddress, 0)
}

/** What Fastify 5 adds beside the raw request; Nest on Fastify has the same. */
export interface FastifyRequest {
  readonly raw: IncomingMessage
  readonly originalUrl: string
  readonly host: string
  readonly body?: unknown
}

export function fastifyView(request: FastifyRequest): FrameworkView {
  return {
    target: request.originalUrl,
    origin: () => originOf(request.raw, believesProxies(request)),
    parsedForm: request.body,
  }
}

/** Fastify keeps `trustProxy` to itself, so it is shown a forwarded host that no client can have sent. */
function believesProxies(request: FastifyRequest): boolean {
  const probe = 'trust.probe.invalid'
  const headers = { value: { 'x-forwarded-host': probe, host: '' } }
  return (Object.create(request, { headers }) as FastifyRequest).host === probe
}

/**
 * Protocol and host of a request, those of the proxy's headers if it is trusted; the same on every
 * host. Of a list, each proxy having added its own, the first protocol counts: that of the client. A
 * list of different hosts is left as it is, so that it is refused: a client can write the first.
 */
export function originOf({ headers, socket }: IncomingMessage, trusted: boolean): string {
  const forwarded = (name: string): readonly string[] =>
    trusted ? listOf(headers[`x-forwarded-${name}`]) : []
  const own = (socket as TLSSocket | null)?.encrypted === true ? 'https' : 'http'
  const [protocol = own] = forwarded('proto').map((name) => name.toLowerCase())
  const hosts = [...new Set(forwarded('host').map((host) => host.toLowerCase()))]
  const host = hosts.length > 0 ? hosts.join(',') : (headers[':authority'] ?? headers.host ?? '')
  return `${protocols.get(protocol) ?? protocol}://${String(host)}`
}

/** A WebSocket begins as a request of HTTP. */
const protocols = new Map([
  ['ws', 'http'],
  ['wss', 'https'],
])

const longestList = 1024

/** A longer text is no list, and nothing that names a host or a protocol. */
function listOf(header: string | readonly string[] | undefined): readonly string[] {
  const text = String(header ?? '')
  if (text.length > longestList) return [text]
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}
