import * as core from '@oauth-pop/core'
import { runGuard } from '@oauth-pop/core/node'
import type { PopHandler } from './middleware.ts'

/** Lets a request pass that has a verified token, for routes behind `optional`; else 401. */
export const requireToken: () => PopHandler = () => toHandler(core.requireToken())

/** Lets a request pass whose token came by one of these schemes; else 401. */
export const requireScheme: (...names: core.RequiredScheme[]) => PopHandler = (...names) =>
  toHandler(core.requireScheme(...names))

/** Lets a request pass that has all of these scopes; else 403. */
export const requireScopes: (...all: string[]) => PopHandler = (...all) =>
  toHandler(core.requireScopes(...all))

/** Lets a request pass that has one of these scopes; else 403. */
export const requireAnyScope: (...any: string[]) => PopHandler = (...any) =>
  toHandler(core.requireAnyScope(...any))

/** Lets a request pass whose claims satisfy the check; else 403. A throw is 500. */
export const requireClaims: (check: core.ClaimsCheck) => PopHandler = (check) =>
  toHandler(core.requireClaims(check))

/** Lets a request pass whose proof signs these parts of it; else 401. */
export const requireCoverage: (requirement: core.CoverageRequirement) => PopHandler = (
  requirement,
) => toHandler(core.requireCoverage(requirement))

/** Lets a request pass whose user logged in this well and recently; else 401 (RFC 9470). */
export const requireAuthentication: (requirement: core.AuthenticationRequirement) => PopHandler = (
  requirement,
) => toHandler(core.requireAuthentication(requirement))

function toHandler(guard: core.Guard): PopHandler {
  return async function popGuard(request, response, next) {
    try {
      await runGuard(guard, request, response)
    } catch (error) {
      // Express 4 does not hear of a rejection.
      next(error)
      return
    }
    next()
  }
}
