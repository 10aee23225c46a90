import type { IncomingMessage } from 'node:http'

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
  readonly protocol: string
  readonly app: { get(name: string): unknown }
  readonly body?: unknown
}

export function expressView(request: ExpressRequest): FrameworkView {
  return {
    target: request.originalUrl,
    origin: () => `${request.protocol}://${hostOf(request, isTrusted(request))}`,
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
  readonly protocol: string
  readonly host: string
  readonly body?: unknown
}

export function fastifyView(request: FastifyRequest): FrameworkView {
  const { raw } = request
  return {
    target: request.originalUrl,
    // Under `trustProxy` Fastify believes the last of several forwarded hosts.
    origin: () => `${request.protocol}://${hostOf(raw, request.host !== hostOf(raw, false))}`,
    parsedForm: request.body,
  }
}

/**
 * The host of a request; the forwarded one if the proxy is trusted. A list of forwarded hosts is
 * left as it is, so that it is refused: nobody can tell which of them to believe.
 */
export function hostOf({ headers }: IncomingMessage, trusted: boolean): string {
  const own = headers[':authority'] ?? headers.host ?? ''
  return String((trusted && headers['x-forwarded-host']) || own)
}
