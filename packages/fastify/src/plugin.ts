import type { AccessToken } from '@oauth-pop/core'
import {
  createProtection,
  fastifyView,
  optionError,
  type AdapterOptions,
  type RouteOptions,
} from '@oauth-pop/core/node'
import type {
  FastifyContextConfig,
  FastifyInstance,
  FastifyPluginAsync,
  FastifyRequest,
} from 'fastify'
import fp from 'fastify-plugin'
import { guardsAmong } from './guards.ts'

export type PopPluginOptions = AdapterOptions
type NoOptions = { readonly [Name in keyof PopPluginOptions]?: never }

/**
 * The access token on a route that is `optional`: undefined for a request without a credential, which
 * the type of `request.accessToken` does not say.
 */
export function optionalAccessToken(request: FastifyRequest): AccessToken | undefined {
  return request.accessToken
}

/**
 * Fastify 5 plugin that lets a request pass only with an access token of whose key it proves
 * possession, and sets `request.accessToken`. Works in `onRequest` on every route of its scope, so that
 * what is registered later is protected, whole applications under `@fastify/express` or `@fastify/middie`
 * included; `config: { pop: false }` exempts a route, and `config: { pop: { optional: true } }` lets
 * requests without a credential pass. A refusal is thrown as `PopError`, with its
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
    const route = readRoute(request.routeOptions.config)
    if (route === false) return
    const view = fastifyView(request)
    if (protection.answerMetadata(request.raw, reply.raw, view)) return void reply.hijack()
    const accessToken = await protection.verify(request.raw, reply.raw, view, route)
    Object.assign(request, { accessToken })
  })
  app.addHook('onRoute', (route) => {
    if (readRoute(route.config) === false) return
    const hooks = [route.onRequest, route.preParsing, route.preValidation, route.preHandler]
    protection.checkGuards(`${String(route.method)} ${route.url}`, guardsAmong(hooks.flat()))
  })
}

/** @throws TypeError with `code` for a value that says neither, so that no route is open by mistake */
function readRoute({ pop }: FastifyContextConfig = {}): RouteOptions | false {
  if (pop === undefined || pop === true) return {}
  if (pop === false) return false
  const valid =
    typeof (pop as unknown) === 'object' &&
    (pop as unknown) !== null &&
    Object.entries(pop).every(([name, value]) => name === 'optional' && typeof value === 'boolean')
  if (valid) return pop
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    'config.pop of a route must be false, or { optional: true }',
  )
}

function isNone(options: PopPluginOptions | NoOptions): options is NoOptions {
  return Object.keys(options).length === 0
}
