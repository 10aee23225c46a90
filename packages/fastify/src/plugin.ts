import { createProtection, fastifyView, type AdapterOptions } from '@oauth-pop/core/node'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { guardsAmong } from './guards.ts'

export type PopPluginOptions = AdapterOptions
type NoOptions = { readonly [Name in keyof PopPluginOptions]?: never }

/**
 * Fastify 5 plugin that lets a request pass only with an access token of whose key it proves
 * possession, and sets `request.accessToken`. Works in `onRequest` on every route of its scope, so that
 * what is registered later is protected, whole applications under `@fastify/express` or `@fastify/middie`
 * included; `config: { pop: false }` exempts a route. A refusal is thrown as `PopError`, with its
 * headers already on the response.
 *
 * Not checked: what Fastify answers before any hook, such as a path with a malformed percent sequence.
 *
 * Without options it reads the environment: see `optionsFromEnvironment`.
 *
 * @throws TypeError with `code` for wrong options, when the application is made ready, and for a guard
 * that no enabled scheme can satisfy, when its route is added
 */
export const popPlugin: FastifyPluginAsync<PopPluginOptions | NoOptions> = fp(protect, {
  fastify: '5.x',
  name: '@oauth-pop/fastify',
})

async function protect(app: FastifyInstance, options: PopPluginOptions | NoOptions): Promise<void> {
  // Fastify makes no options an empty object.
  const protection = createProtection(isNone(options) ? undefined : options)

  app.decorateRequest('accessToken')
  app.addHook('onRequest', async function pop(request, reply) {
    if (request.routeOptions.config.pop === false) return
    const accessToken = await protection.verify(request.raw, reply.raw, fastifyView(request))
    Object.assign(request, { accessToken })
  })
  app.addHook('onRoute', (route) => {
    if (route.config?.pop === false) return
    const hooks = [route.onRequest, route.preParsing, route.preValidation, route.preHandler]
    protection.checkGuards(`${String(route.method)} ${route.url}`, guardsAmong(hooks.flat()))
  })
}

function isNone(options: PopPluginOptions | NoOptions): options is NoOptions {
  return Object.keys(options).length === 0
}
