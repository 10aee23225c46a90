import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AbstractHttpAdapter } from '@nestjs/core'
import {
  expressView,
  fastifyView,
  type ExpressRequest,
  type FastifyRequest,
  type FrameworkView,
} from '@oauth-pop/core/node'

/** One request as Node has it, with the framework's view of it. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly view: FrameworkView
}

/** Whether a step has answered the request, so that nobody else may. */
type Step = (exchange: Exchange) => Promise<'answered' | 'goes on'>

/** What differs between the HTTP platforms of Nest. */
interface Platform {
  /** Puts a step in front of the body parsers. */
  install(adapter: AbstractHttpAdapter, step: Step): void
  /** From the request and response that Nest hands to a guard. */
  open(request: unknown, response: unknown): Exchange
}

const express: Platform = {
  install(adapter, step) {
    type Next = (error?: unknown) => void
    adapter.use(async function pop(request: unknown, response: unknown, next: Next) {
      try {
        if ((await step(express.open(request, response))) === 'answered') return
      } catch (error) {
        next(error)
        return
      }
      next()
    })
  },
  open(request, response) {
    const own = request as ExpressRequest
    return { request: own, response: response as ServerResponse, view: expressView(own) }
  },
}

interface FastifyInstance {
  addHook(
    name: 'onRequest',
    hook: (request: unknown, reply: { hijack(): void }) => Promise<void>,
  ): void
}

const fastify: Platform = {
  install(adapter, step) {
    adapter.getInstance<FastifyInstance>().addHook('onRequest', async (request, reply) => {
      if ((await step(fastify.open(request, reply))) === 'answered') reply.hijack()
    })
  },
  open(request, reply) {
    const own = request as FastifyRequest
    const { raw } = reply as { readonly raw: ServerResponse }
    return { request: own.raw, response: raw, view: fastifyView(own) }
  },
}

const platforms = new Map([
  ['express', express],
  ['fastify', fastify],
])

/** Undefined for adapters that are neither, and where there is no HTTP server. */
export function platformOf(adapter: AbstractHttpAdapter | undefined): Platform | undefined {
  return platforms.get(adapter?.getType() ?? '')
}
