import { createProtection, type AdapterOptions } from '@oauth-pop/core/node'
import type { NextFunction, Request, RequestHandler, Response } from 'express'

export type PopMiddlewareOptions = AdapterOptions

/**
 * Express middleware (4 and 5) that lets a request pass only with an access token of whose key it
 * proves possession, and sets `req.accessToken`. Mount it before body parsers. A refusal goes to
 * `next(error)` as `PopError`, with its headers already on the response.
 *
 * @throws TypeError with `code` for wrong options
 */
export function popMiddleware(options: PopMiddlewareOptions): RequestHandler {
  const protection = createProtection(options)

  return async function pop(request: Request, response: Response, next: NextFunction) {
    const view = {
      target: request.originalUrl,
      origin: () => originOf(request),
      parsedForm: request.body as unknown,
    }
    try {
      const accessToken = await protection.verify(request, response, view)
      if (accessToken !== undefined) request.accessToken = accessToken
    } catch (error) {
      // Express 4 does not hear of a rejection.
      next(error)
      return
    }
    next()
  }
}

/** Express 4 drops the port of `X-Forwarded-Host`, so `trust proxy` is asked here. */
function originOf(request: Request): string {
  const isTrusted = request.app.get('trust proxy fn') as (
    address: string | undefined,
    hop: number,
  ) => boolean
  const trusted = isTrusted(request.socket.remoteAddress, 0)
  const forwarded = trusted ? request.get('x-forwarded-host') : undefined
  return `${request.protocol}://${forwarded ?? request.get('host')}`
}
