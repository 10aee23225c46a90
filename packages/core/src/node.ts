import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AccessToken } from './access-token.ts'
import { bodyReader, discardBody, releaseBody } from './body-gate.ts'
import { PopError } from './errors.ts'
import type { GuardContext } from './guards.ts'
import { flag, readOptions, wholeNumber } from './option-readers.ts'
import { verifierOptionNames, type VerifierOptions } from './options.ts'
import type { HttpRequest } from './request.ts'
import { createVerifier, type Verification, type Verifier } from './verifier.ts'

/** What every adapter takes: the verifier's options, and how to treat the requests of a framework. */
export interface AdapterOptions extends VerifierOptions {
  /** A request without a credential passes, without `accessToken`; a bad credential never does. Default `false`. */
  readonly optional?: boolean
  /** The longest body that is read for `b`. Default 1 MiB. */
  readonly maxBodyBytes?: number
}

/** The framework's own view of a request, as far as it differs from Node's. */
export interface FrameworkView {
  /** The raw target before a router stripped a mount path. */
  readonly target: string
  /** Protocol and host as the framework sees them, like `https://api.example.com`. */
  readonly origin: () => string
  /** What a body parser left behind, if one ran first. */
  readonly parsedForm?: unknown
}

/** The part of an adapter that is the same in all frameworks. */
export interface Protection {
  /**
   * Verifies a request once, however often it is asked, and sets the response headers of the
   * outcome. Resolves to undefined only where `optional` lets a request without credential pass.
   *
   * @throws PopError whose headers are already set on the response
   */
  verify(
    request: IncomingMessage,
    response: ServerResponse,
    view: FrameworkView,
  ): Promise<AccessToken | undefined>
}

/** What is kept on the raw request; a registered symbol, so that two copies of this package agree. */
interface Kept {
  readonly verifier: Verifier
  readonly result: Promise<Verification | undefined>
  accessToken?: AccessToken
}

const kept = Symbol.for('oauth-pop.verification')
type Marked = IncomingMessage & { [kept]?: Kept }

const defaultBodyBytes = 1024 * 1024

/**
 * Reads the options of an adapter and makes its verifier.
 *
 * @throws TypeError with `code` for wrong options
 */
export function createProtection(options: AdapterOptions): Protection {
  const names = [...verifierOptionNames, 'optional', 'maxBodyBytes']
  const { optional, maxBodyBytes, ...verifierOptions } = readOptions(
    'the middleware',
    options,
    names,
  )
  const verifier = createVerifier(verifierOptions)
  const isOptional = flag('optional', optional)
  const limit = wholeNumber('maxBodyBytes', maxBodyBytes, defaultBodyBytes)

  async function verifyFirst(
    request: IncomingMessage,
    view: FrameworkView,
  ): Promise<Verification | undefined> {
    const arrived = toHttpRequest(request, view, limit)
    try {
      const verified = await (isOptional
        ? verifier.verifyOptional(arrived)
        : verifier.verify(arrived))
      releaseBody(request)
      return verified
    } catch (error) {
      if (isBodyFault(error)) discardBody(request)
      else releaseBody(request)
      throw error
    }
  }

  return {
    async verify(request, response, view) {
      const entry =
        (request as Marked)[kept] ?? keep(request, { verifier, result: verifyFirst(request, view) })
      try {
        if (entry.verifier !== verifier)
          throw verifier.refuse(new PopError('ERR_POP_TWO_VERIFIERS'))
        const verification = await entry.result
        if (verification === undefined || entry.accessToken !== undefined) return entry.accessToken
        entry.accessToken = verification.accessToken
        setHeaders(response, verification.responseHeaders)
        return verification.accessToken
      } catch (error) {
        if (error instanceof PopError) setHeaders(response, Object.entries(error.headers))
        throw error
      }
    },
  }
}

/** The body itself is why: too long, or too slow. */
function isBodyFault(error: unknown): boolean {
  return error instanceof PopError && (error.status === 413 || error.status === 408)
}

/** Not enumerable, so that a logged request does not show its token. */
function keep(request: IncomingMessage, entry: Kept): Kept {
  Object.defineProperty(request, kept, { value: entry })
  return entry
}

/** What guards need to know of a request; undefined when no verifier has seen it. */
export function guardContext(request: IncomingMessage): GuardContext | undefined {
  const entry = (request as Marked)[kept]
  return entry && { verifier: entry.verifier, accessToken: entry.accessToken }
}

/** Sets headers unless the response is under way already, which the framework reports by itself. */
export function setHeaders(
  response: ServerResponse,
  headers: Iterable<readonly [string, string | readonly string[]]>,
): void {
  if (response.headersSent) return
  for (const [name, value] of headers) {
    response.setHeader(name, typeof value === 'string' ? value : [...value])
    if (name === 'cache-control' && value === 'private') keepPrivate(response)
  }
}

/** A handler may tighten `Cache-Control` but not loosen it: judged when the headers are written. */
function keepPrivate(response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response) as (...rest: unknown[]) => ServerResponse
  response.writeHead = function writeHeadPrivately(
    this: ServerResponse,
    status: number,
    ...rest: unknown[]
  ) {
    const [reason, headers] =
      typeof rest[0] === 'string' ? [rest[0], rest[1]] : [undefined, rest[1] ?? rest[0]]
    mergeHeaders(this, headers)
    if (!isPrivate(String(this.getHeader('cache-control') ?? ''))) {
      this.setHeader('cache-control', 'private')
    }
    return reason === undefined ? writeHead(status) : writeHead(status, reason)
  } as ServerResponse['writeHead']
}

/** RFC 9111 section 5.2.2: `private` with field names, or beside `public`, keeps no cache away. */
function isPrivate(cacheControl: string): boolean {
  const directives = cacheControl.toLowerCase().split(/[\s,]+/)
  if (directives.includes('no-store')) return true
  return directives.includes('private') && !directives.includes('public')
}

/** What `writeHead` does with its headers: an object, or a flat list in which names may repeat. */
function mergeHeaders(response: ServerResponse, headers: unknown): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers ?? {})) {
      response.setHeader(name, value as string | string[])
    }
    return
  }
  const flat = headers.flat() as string[]
  const names = flat.filter((_, index) => index % 2 === 0)
  for (const name of names) response.removeHeader(name)
  for (const [index, name] of names.entries())
    response.appendHeader(name, flat[index * 2 + 1] ?? '')
}

function toHttpRequest(request: IncomingMessage, view: FrameworkView, limit: number): HttpRequest {
  const { method = '', rawHeaders, socket } = request
  const authority = request.headers[':authority']
  const read = bodyReader(request, limit)
  return {
    method,
    target: view.target,
    rawHeaders: authority === undefined ? rawHeaders : withoutPseudo(rawHeaders),
    // Asked only with `publicUrl: 'request'`.
    get origin() {
      return view.origin()
    },
    ...(typeof authority === 'string' && { authority }),
    ...(read === undefined ? { parsedForm: view.parsedForm } : { body: read }),
    peer: () => ({ address: socket.remoteAddress ?? '' }),
  }
}

/** HTTP/2 puts `:method` and its like among the headers. */
function withoutPseudo(rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.filter((_, index) => rawHeaders[index - (index % 2)]?.startsWith(':') !== true)
}
