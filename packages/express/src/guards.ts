import * as core from '@oauth-pop/core'
import { runGuard } from '@oauth-pop/core/node'
import type { NextFunction, Request, RequestHandler, Response } from 'express'

/** Lets a request pass that has all of these scopes; else 403. */
export const requireScopes: (...all: string[]) => RequestHandler = (...all) =>
  toHandler(core.requireScopes(...all))

/** Lets a request pass that has one of these scopes; else 403. */
export const requireAnyScope: (...any: string[]) => RequestHandler = (...any) =>
  toHandler(core.requireAnyScope(...any))

/** Lets a request pass whose claims satisfy the check; else 403. A throw is 500. */
export const requireClaims: (check: core.ClaimsCheck) => RequestHandler = (check) =>
  toHandler(core.requireClaims(check))

/** Lets a request pass whose proof signs these parts of it; else 401. */
export const requireCoverage: (requirement: core.CoverageRequirement) => RequestHandler = (
  requirement,
) => toHandler(core.requireCoverage(requirement))

function toHandler(guard: core.Guard): RequestHandler {
  return async function popGuard(request: Request, response: Response, next: NextFunction) {
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
