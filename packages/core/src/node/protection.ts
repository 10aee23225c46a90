import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AccessToken } from '../access-token.ts'
import { missedCredential } from '../credential.ts'
import { optionsFromEnvironment } from '../environment.ts'
import { optionError, PopError, type Evidence, type PopErrorCode } from '../errors.ts'
import { impossibilityOf, type Guard } from '../guards.ts'
import { flag, readOptions, wholeNumber } from '../option-readers.ts'
import { verifierOptionNames, type VerifierOptions } from '../options.ts'
import type { HttpRequest } from '../request.ts'
import type { Verification, Verifier } from '../verifier.ts'
import { bodyReader, discardBody, releaseBody } from './body-gate.ts'
import type { FrameworkView } from './framework-view.ts'
import { keepHeaders, setHeaders } from './kept-headers.ts'
import { answerMetadata } from './metadata.ts'
import { oneVerifier } from './one-verifier.ts'
import { peerOf } from './peer.ts'

/** What every adapter takes: the verifier's options, and how to treat the requests of a framework. */
export interface AdapterOptions extends VerifierOptions {
  /** A request without a credential passes, without `accessToken`; a bad credential never does. Default `false`. */
  readonly optional?: boolean
  /** The longest body that is read for `b`. Default 1 MiB. */
  readonly maxBodyBytes?: number
}

/** What one route can have otherwise. */
export interface RouteOptions {
  /** As the option of the adapter, for this route. */
  readonly optional?: boolean
}

/** The part of an adapter that is the same in all frameworks. */
export interface Protection {
  /**
   * Verifies a request once, however often it is asked, and sets the response headers of the
   * outcome. Resolves to undefined only where `optional` lets a request without credential pass, or
   * `mode: 'report'` one that is refused.
   *
   * @throws PopError whose headers are already set on the response
   */
  verify(
    request: IncomingMessage,
    response: ServerResponse,
    view: FrameworkView,
    route?: RouteOptions,
  ): Promise<AccessToken | undefined>
  /**
   * Runs the verification ahead of body parsers where only a later `verify` knows whether the route
   * is protected. A refusal waits for that call; the request and its body go on untouched.
   *
   * @throws PopError for a body that does not end, in time or at all, for a signed one that is too
   * long, and for one too many: a parser would wait for it, or hold it
   */
  prepare(request: IncomingMessage, response: ServerResponse, view: FrameworkView): Promise<void>
  /**
   * Answers a request for the metadata of the resource (RFC 9728), where the option `metadata` is set. Asked ahead
   * of `verify`, which would refuse it.
   *
   * @returns whether it has
   */
  answerMetadata(request: IncomingMessage, response: ServerResponse, view: FrameworkView): boolean
  /**
   * For the guards of a route, where an adapter sees them at start-up.
   *
   * @param route as the message names it
   * @throws TypeError with `code` for one that no enabled scheme can satisfy, with the line to write
   */
  checkGuards(route: string, guards: readonly Guard[]): void
  /** A refusal for what an adapter notices by itself; published as an event. */
  refuse(code: PopErrorCode, evidence?: Evidence): PopError
}

/** What is kept on the raw request; a registered symbol, so that two copies of this package agree. */
interface Kept {
  readonly verifier: Verifier
  readonly arrived: HttpRequest
  readonly result: Promise<Verification | undefined>
  accessToken?: AccessToken
}

const kept = Symbol.for('oauth-pop.verification')
type Marked = IncomingMessage & { [kept]?: Kept }

const defaultBodyBytes = 1024 * 1024
/** No parser could, or should, do anything with such a body either. */
const unreadable: readonly PopErrorCode[] = [
  'ERR_POP_BODY_ABORTED',
  'ERR_POP_BODY_TIMEOUT',
  'ERR_POP_BODY_TOO_LARGE',
  'ERR_POP_BODIES_WAITING',
]

/**
 * Reads the options of an adapter, without any those of the environment, and makes its verifier.
 *
 * @throws TypeError with `code` for wrong options
 */
export function createProtection(options: AdapterOptions = optionsFromEnvironment()): Protection {
  const names = [...verifierOptionNames, 'optional', 'maxBodyBytes']
  const { optional, maxBodyBytes, ...verifierOptions } = readOptions(
    'the middleware',
    options,
    names,
  )
  const verifier = oneVerifier(verifierOptions)
  const { mode } = verifier
  const isOptional = flag('optional', optional)
  const limit = wholeNumber('maxBodyBytes', maxBodyBytes, defaultBodyBytes)

  function entryOf(request: IncomingMessage, view: FrameworkView): Kept {
    const known = (request as Marked)[kept]
    if (known !== undefined) return known
    const fault = headerFault(request)
    const arrived = new ArrivedRequest(request, view, limit)
    const result =
      fault === undefined
        ? verifier.verifyOptional(arrived)
        : Promise.reject(verifier.refuse(fault, undefined, { request: arrived, mode }))
    const entry: Kept = { verifier, arrived, result }
    // Not enumerable, so that a logged request does not show its token.
    Object.defineProperty(request, kept, { value: entry })
    return entry
  }

  async function verificationOf(
    entry: Kept,
    route: RouteOptions,
  ): Promise<Verification | undefined> {
    // Its own only: what everything inherits must open no route.
    const optional = Object.hasOwn(route, 'optional') ? route.optional === true : isOptional
    const refuse = (code: PopErrorCode, evidence?: Evidence): PopError =>
      verifier.refuse(new PopError(code, evidence), undefined, {
        request: entry.arrived,
        mode,
      })
    if (entry.verifier !== verifier) throw refuse('ERR_POP_TWO_VERIFIERS')
    const verification = await entry.result
    if (verification !== undefined || optional) return verification
    throw refuse('ERR_POP_CREDENTIAL_MISSING', missedCredential(entry.arrived))
  }

  return {
    async verify(request, response, view, route = {}) {
      const entry = entryOf(request, view)
      try {
        const verification = await verificationOf(entry, route)
        releaseBody(request)
        if (verification === undefined || entry.accessToken !== undefined) return entry.accessToken
        entry.accessToken = verification.accessToken
        keepHeaders(response, verification.responseHeaders)
        return verification.accessToken
      } catch (error) {
        if (mode === 'report') {
          releaseBody(request)
          return undefined
        }
        if (endsConnection(error)) discardBody(request)
        else releaseBody(request)
        throw withHeaders(response, error)
      }
    },
    async prepare(request, response, view) {
      try {
        await entryOf(request, view).result
      } catch (error) {
        if (mode === 'report') return
        if (!(error instanceof PopError) || !unreadable.includes(error.code)) return
        discardBody(request)
        throw withHeaders(response, error)
      } finally {
        releaseBody(request)
      }
    },
    answerMetadata: (request, response, view) =>
      answerMetadata(
        { method: request.method, target: arrivedTarget(request) ?? view.target },
        response,
        verifier.metadata,
      ),
    checkGuards(route, guards) {
      for (const guard of guards) {
        const impossible = impossibilityOf(guard, verifier)
        if (impossible === undefined) continue
        const { member, expected, actual } = impossible
        throw optionError(
          'ERR_POP_OPTION_INVALID',
          `${route}: ${member} can never be satisfied with ${String(actual)}: write ${String(expected)}, or take the guard away`,
        )
      }
    },
    refuse: (code, evidence) => verifier.refuse(new PopError(code, evidence)),
  }
}

/** Node's own limit of header lines, where a server has none of its own. */
const usualHeaderLines = 1000

interface ServerSocket {
  readonly server: { readonly maxHeadersCount?: number | null }
}

/** Why nobody can know which header lines arrived. */
function headerFault({ rawHeaders, headers, socket }: IncomingMessage): PopError | undefined {
  // Some bridges to serverless platforms show merged headers only: a credential could go unseen.
  if (rawHeaders.length === 0 && Object.keys(headers).length > 0) {
    const evidence = { member: 'rawHeaders', expected: 'as they arrived', actual: 0 }
    return new PopError('ERR_POP_CONTEXT_UNSUPPORTED', evidence)
  }
  const most = (socket as Partial<ServerSocket> | null)?.server?.maxHeadersCount ?? usualHeaderLines
  // Node drops lines beyond its limit: a part of them for the verifier, another for the application.
  if (most === 0 || rawHeaders.length < most * 2) return undefined
  const evidence = {
    member: 'headers',
    expected: `fewer than ${most}`,
    actual: rawHeaders.length / 2,
  }
  return new PopError('ERR_POP_HEADERS_CUT', evidence)
}

/** The body is what the refusal is about, and nobody will read the rest of it. */
function endsConnection(error: unknown): boolean {
  return error instanceof PopError && error.headers['connection'] === 'close'
}

/** Runs a guard on a request that a verifier has seen. @throws PopError, its headers already set */
export async function runGuard(
  guard: Guard,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const entry = (request as Marked)[kept]
  try {
    const { verifier, accessToken, arrived } = entry ?? {}
    await guard(verifier && { verifier, accessToken, ...(arrived && { request: arrived }) })
  } catch (error) {
    throw withHeaders(response, error)
  }
}

/** The error, its headers set unless the response is under way, which the framework reports itself. */
function withHeaders(response: ServerResponse, error: unknown): unknown {
  if (error instanceof PopError && !response.headersSent) {
    setHeaders(response, Object.entries(error.headers))
  }
  return error
}

/**
 * A class, because an object with a getter of its own over the request keeps the request alive for
 * longer than it lasts.
 */
class ArrivedRequest implements HttpRequest {
  readonly method: string
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly authority?: string
  readonly parsedForm?: unknown
  readonly body?: (limit?: number) => Promise<Uint8Array>
  readonly headers: IncomingMessage['headers']
  readonly #request: IncomingMessage
  readonly #view: FrameworkView

  constructor(request: IncomingMessage, view: FrameworkView, limit: number) {
    const { method = '', rawHeaders, headers } = request
    const authority = headers[':authority']
    const read = bodyReader(request, limit)
    this.method = method
    this.target = arrivedTarget(request) ?? view.target
    this.headers = headers
    this.rawHeaders = authority === undefined ? rawHeaders : withoutPseudo(rawHeaders)
    if (typeof authority === 'string') this.authority = authority
    if (read === undefined) this.parsedForm = view.parsedForm
    else this.body = read
    this.#request = request
    this.#view = view
  }

  /** Asked only with several public URLs, or with `publicUrl: 'request'`. */
  get origin(): string {
    return this.#view.origin()
  }

  /** Asked only by `mtls()`. */
  peer(): ReturnType<typeof peerOf> {
    return peerOf(this.#request)
  }
}

/** Where an Express application is mounted around the framework, it keeps what arrived at the socket. */
function arrivedTarget(request: IncomingMessage & { originalUrl?: unknown }): string | undefined {
  return typeof request.originalUrl === 'string' ? request.originalUrl : undefined
}

/** HTTP/2 puts `:method` and its like among the headers. */
function withoutPseudo(rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.filter((_, index) => rawHeaders[index - (index % 2)]?.startsWith(':') !== true)
}
