import diagnostics from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import type { AccessToken, SchemeName } from './access-token.ts'
import type { PopError, PopErrorCode } from './errors.ts'

/** Published on `oauth-pop:accepted`. */
export interface AcceptedEvent {
  readonly accessToken: AccessToken
}

/** Published on `oauth-pop:refused`. `cause` is the evidence, or the error of a dependency. */
export interface RefusedEvent {
  readonly code: PopErrorCode
  readonly status: number
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

const accepted = diagnostics.channel('oauth-pop:accepted')
const refused = diagnostics.channel('oauth-pop:refused')
const keys = diagnostics.channel('oauth-pop:keys')
const debug = debuglog('oauth-pop')

export function publishAccepted(accessToken: AccessToken): void {
  if (accepted.hasSubscribers) accepted.publish({ accessToken } satisfies AcceptedEvent)
  if (!debug.enabled) return
  debug('accepted %s token of client %j', accessToken.scheme, accessToken.clientId ?? 'unknown')
}

export function publishRefused(error: PopError, scheme: SchemeName | undefined): void {
  const { code, status, cause } = error
  if (refused.hasSubscribers)
    refused.publish({ code, status, scheme, cause } satisfies RefusedEvent)
  if (!debug.enabled) return
  const reason = cause instanceof Error ? cause.message : cause
  debug('refused %s: %d %s: %s %j', scheme ?? 'request', status, code, error.message, reason ?? {})
}

export function publishKeySet(event: KeysEvent): void {
  if (keys.hasSubscribers) keys.publish(event)
  if (!debug.enabled || event.leftOut.length === 0) return
  debug('keys of %s: %d used, left out %j', event.source, event.used, event.leftOut)
}

/** One line for the operator. Never holds anything of a request. */
export function warn(code: PopErrorCode, message: string): void {
  process.emitWarning(message, { type: 'OAuthPopWarning', code })
}
