import diagnostics from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import type { AccessToken, SchemeName } from './access-token.ts'
import type { RefusalDetail } from './challenge.ts'
import type { PopError, PopErrorCode } from './errors.ts'
import type { Mode } from './options.ts'
import type { HttpRequest } from './request.ts'

/** What of a request an event shows. */
export type NamedRequest = Pick<HttpRequest, 'method' | 'target'>

/** Published on `oauth-pop:accepted`. */
export interface AcceptedEvent {
  readonly method: string
  /** As it arrived, without query; cut at 256 characters. */
  readonly path: string
  readonly accessToken: AccessToken
}

/** Published on `oauth-pop:refused`. `cause` is the evidence, or the error of a dependency. */
export interface RefusedEvent {
  readonly code: PopErrorCode
  /** Absent, like `path`, where the refusal is not about one HTTP request. */
  readonly method?: string
  /** As it arrived, without query; cut at 256 characters. */
  readonly path?: string
  readonly status: number
  /** `report`: the request went on all the same. */
  readonly mode: Mode
  /** The scheme that was used, if one was recognised. */
  readonly scheme: SchemeName | undefined
  readonly cause: unknown
}

/** Published on `oauth-pop:keys` whenever a key set has been fetched. */
export interface KeysEvent {
  /** Host and path of the set. */
  readonly source: string
  /** How many of its keys can verify a token. */
  readonly used: number
  /** The others, by `kid` (`none` without one), and why each is left out, such as `size` or `use`. */
  readonly leftOut: readonly { readonly kid: string; readonly reason: string }[]
}

/** Published on `oauth-pop:outage` when a dependency goes down and when it is back. */
export interface OutageEvent {
  /** `replay store`, or host and path of a token source. */
  readonly dependency: string
  readonly state: 'began' | 'ended'
  /** The last failure; absent when the outage has ended. */
  readonly cause?: Error
}

const accepted = diagnostics.channel('oauth-pop:accepted')
const refused = diagnostics.channel('oauth-pop:refused')
const keys = diagnostics.channel('oauth-pop:keys')
const outages = diagnostics.channel('oauth-pop:outage')
const debug = debuglog('oauth-pop')

const longestPath = 256

function nameOf({ method, target }: NamedRequest): { method: string; path: string } {
  // A query can carry a credential.
  const [path = ''] = target.split(/[?#]/, 1)
  return { method, path: path.slice(0, longestPath) }
}

/** Escaped, so that it stays on one line. */
function lineOf(request: NamedRequest): string {
  const { method, path } = nameOf(request)
  return JSON.stringify(`${method} ${path}`)
}

export function publishAccepted(accessToken: AccessToken, request: NamedRequest): void {
  if (accepted.hasSubscribers)
    accepted.publish({ ...nameOf(request), accessToken } satisfies AcceptedEvent)
  if (!debug.enabled) return
  const { scheme, clientId = 'unknown' } = accessToken
  debug('accepted %s %s: token of client %j', scheme, lineOf(request), clientId)
}

export function publishRefused(
  error: PopError,
  scheme: SchemeName | undefined,
  { request, mode = 'enforce' }: Pick<RefusalDetail, 'request' | 'mode'> = {},
): void {
  const { code, status, cause } = error
  if (refused.hasSubscribers)
    refused.publish({
      ...(request && nameOf(request)),
      code,
      status,
      mode,
      scheme,
      cause,
    } satisfies RefusedEvent)
  if (!debug.enabled) return
  const reason = cause instanceof Error ? cause.message : cause
  const what = request === undefined ? '' : ` ${lineOf(request)}`
  const evidence = reason ?? {}
  debug(
    '%s %s%s: %d %s: %s %j',
    mode === 'report' ? 'would refuse' : 'refused',
    scheme ?? 'request',
    what,
    status,
    code,
    error.message,
    evidence,
  )
}

export function publishKeySet(event: KeysEvent): void {
  if (keys.hasSubscribers) keys.publish(event)
  if (!debug.enabled || event.leftOut.length === 0) return
  debug('keys of %s: %d used, left out %j', event.source, event.used, event.leftOut)
}

export function publishOutage(event: OutageEvent): void {
  if (outages.hasSubscribers) outages.publish(event)
  const reason = event.cause === undefined ? '' : `: ${event.cause.message}`
  debug('outage of %s %s%s', event.dependency, event.state, reason)
}

/** One line for the operator. Never holds anything of a request. */
export function warn(code: PopErrorCode, message: string): void {
  process.emitWarning(message, { type: 'OAuthPopWarning', code })
}
