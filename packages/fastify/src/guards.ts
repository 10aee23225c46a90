import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import * as core from '@oauth-pop/core'
import { runGuard } from '@oauth-pop/core/node'

/** A `preHandler`, alone or in an array, on servers of HTTP/1.1 and HTTP/2. */
export type PopGuard = (
  request: { readonly raw: IncomingMessage | Http2ServerRequest },
  reply: { readonly raw: ServerResponse | Http2ServerResponse },
) => Promise<void>

/** Lets a request pass that has a verified token, for routes behind `optional`; else 401. */
export const requireToken: () => PopGuard = () => toHook(core.requireToken())

/** Lets a request pass whose token came by one of these schemes; else 401. */
export const requireScheme: (...names: core.RequiredScheme[]) => PopGuard = (...names) =>
  toHook(core.requireScheme(...names))

/** Lets a request pass that has all of these scopes; else 403. */
export const requireScopes: (...all: string[]) => PopGuard = (...all) =>
  toHook(core.requireScopes(...all))

/** Lets a request pass that has one of these scopes; else 403. */
export const requireAnyScope: (...any: string[]) => PopGuard = (...any) =>
  toHook(core.requireAnyScope(...any))

/** Lets a request pass whose claims satisfy the check; else 403. A throw is 500. */
export const requireClaims: (check: core.ClaimsCheck) => PopGuard = (check) =>
  toHook(core.requireClaims(check))

/** Lets a request pass whose proof signs these parts of it; else 401. */
export const requireCoverage: (requirement: core.CoverageRequirement) => PopGuard = (requirement) =>
  toHook(core.requireCoverage(requirement))

/** Lets a request pass whose user logged in this well and recently; else 401 (RFC 9470). */
export const requireAuthentication: (requirement: core.AuthenticationRequirement) => PopGuard = (
  requirement,
) => toHook(core.requireAuthentication(requirement))

const guards = new WeakMap<object, core.Guard>()

/** The guards among the hooks of a route. */
export function guardsAmong(hooks: readonly unknown[]): readonly core.Guard[] {
  return hooks.flatMap((hook) => {
    const guard = typeof hook === 'function' ? guards.get(hook) : undefined
    return guard === undefined ? [] : [guard]
  })
}

function toHook(guard: core.Guard): PopGuard {
  const hook: PopGuard = async function popGuard(request, reply) {
    // The compatibility API of HTTP/2 has the shape of HTTP/1.1.
    await runGuard(guard, request.raw as IncomingMessage, reply.raw as ServerResponse)
  }
  guards.set(hook, guard)
  return hook
}
