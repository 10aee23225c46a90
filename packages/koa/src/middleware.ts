import { createProtection, originOf, type AdapterOptions } from '@oauth-pop/core/node'
import type { Middleware } from 'koa'

export type PopMiddlewareOptions = AdapterOptions

/**
 * Koa middleware (3 and 2) that lets a request pass only with an access token of whose key it proves
 * possession, and sets `ctx.state.accessToken`. Mount it before body parsers. A refusal is thrown as
 * `PopError`, with its headers on the response and on the error.
 *
 * Without options it reads the environment: see `optionsFromEnvironment`.
 *
 * @throws TypeError with `code` for wrong options
 */
export function popMiddleware(options?: PopMiddlewareOptions): Middleware {
  const protection = createProtection(options)

  return async function pop(context, next) {
    const { app, req, res, originalUrl } = context
    const accessToken = await protection.verify(req, res, {
      target: originalUrl,
      origin: () => originOf(req, app.proxy),
      parsedForm: 'body' in context.request ? context.request.body : undefined,
    })
    // Always: whoever set it before us has verified nothing.
    Object.assign(context.state, { accessToken })
    await next()
  }
}
