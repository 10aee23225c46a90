import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AccessToken } from '@oauth-pop/core'
import { createProtection, expressView, type AdapterOptions } from '@oauth-pop/core/node'
import type { NextFunction, Request } from 'express'

export type PopMiddlewareOptions = AdapterOptions

/** Express middleware that says nothing of route parameters, so that handlers keep their types. */
export type PopHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next: NextFunction,
) => Promise<void>

/**
 * The access token on a route that is `optional`: undefined for a request without a credential, which
 * the type of `req.accessToken` does not say.
 */
export function optionalAccessToken(request: Request): AccessToken | undefined {
  return request.accessToken
}

/**
 * Express middleware (4 and 5) that lets a request pass only with an access token of whose key it
 * proves possession, and sets `req.accessToken`. Mount it before body parsers. A refusal goes to
 * `next(error)` as `PopError`, with its headers already on the response.
 *
 * Without options it reads the environment: see `optionsFromEnvironment`. Mounts with the same values but
 * for `optional` are one verifier: `popMiddleware({ ...options, optional: true })` on a route ahead of
 * `popMiddleware(options)` opens that route only.
 *
 * @throws TypeError with `code` for wrong options
 */
export function popMiddleware(options?: PopMiddlewareOptions): PopHandler {
  const protection = createProtection(options)

  return async function pop(incoming, response, next) {
    const request = incoming as Request
    const view = expressView(request)
    if (protection.answerMetadata(request, response, view)) return
    try {
      const accessToken = await protection.verify(request, response, view)
      // Always: whoever set it before us has verified nothing.
      Object.assign(request, { accessToken })
    } catch (error) {
      // Express 4 does not hear of a rejection.
      next(error)
      return
    }
    next()
  }
}
