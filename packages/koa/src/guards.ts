import * as core from '@oauth-pop/core'
import { runGuard } from '@oauth-pop/core/node'
import type { Middleware } from 'koa'

/** Lets a request pass that has a verified token, for routes behind `optional`; else 401. */
export const requireToken: () => Middleware = () => toMiddleware(core.requireToken())

/** Lets a request pass whose token came by one of these schemes; else 401. */
export const requireScheme: (...names: core.RequiredScheme[]) => Middleware = (...names) =>
  toMiddleware(core.requireScheme(...names))

/** Lets a request pass that has all of these scopes; else 403. */
export const requireScopes: (...all: string[]) => Middleware = (...all) =>
  toMiddleware(core.requireScopes(...all))

/** Lets a request pass that has one of these scopes; else 403. */
export const requireAnyScope: (...any: string[]) => Middleware = (...any) =>
  toMiddleware(core.requireAnyScope(...any))

/** Lets a request pass whose claims satisfy the check; else 403. A throw is 500. */
export const requireClaims: (check: core.ClaimsCheck) => Middleware = (check) =>
  toMiddleware(core.requireClaims(check))

/** Lets a request pass whose proof signs these parts of it; else 401. */
export const requireCoverage: (requirement: core.CoverageRequirement) => Middleware = (
  requirement,
) => toMiddleware(core.requireCoverage(requirement))

/** Lets a request pass whose user logged in this well and recently; else 401 (RFC 9470). */
export const requireAuthentication: (requirement: core.AuthenticationRequirement) => Middleware = (
  requirement,
) => toMiddleware(core.requireAuthentication(requirement))

function toMiddleware(guard: core.Guard): Middleware {
  return async function popGuard({ req, res }, next) {
    await runGuard(guard, req, res)
    await next()
  }
}
