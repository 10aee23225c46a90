import type { AccessToken } from '@oauth-pop/core'
import { createProtection, originOf, type AdapterOptions } from '@oauth-pop/core/node'
import type { Context, Middleware } from 'koa'

export type PopMiddlewareOptions = AdapterOptions

/**
 * The access token on a route that is `optional`: undefined for a request without a credential, which
 * the type of `ctx.state.accessToken` does not say.
 */
export function optionalAccessToken({ state }: Pick<Context, 'state'>): AccessToken | undefined {
  return state.accessToken
}

/**
 * Koa middleware (3 and 2) that lets a request pass only with an access token of whose key it proves
 * possession, and sets `ctx.state.accessToken`. Mount it before body parsers. A refusal is thrown as
 * `PopError`, with its headers on the response and on the error.
 *
 * Without options it reads the environment: see `optionsFromEnvironment`. Mounts with the same values but
 * for `optional` are one verifier: `popMiddleware({ ...options, optional: true })` on a route ahead of
 * `popMiddleware(options)` opens that route only.
 *
 * @throws TypeError with `code` for wrong options
 */
export function popMiddleware(options?: PopMiddlewareOptions): Middleware {
  const protection = createProtection(options)

  return async function pop(context, next) {
    const { app, req, res, originalUrl } = context
    const view = {
      target: originalUrl,
      origin: () => originOf(req, app.proxy),
      parsedForm: 'body' in context.request ? context.request.body : undefined,
    }
    if (protection.answerMetadata(req, res, view)) return
    const accessToken = await protection.verify(req, res, view)
    // Always: whoever set it before us has verified nothing.
    Object.assign(context.state, { accessToken })
    await next()
  }
}
