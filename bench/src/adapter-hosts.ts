import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { VerifierOptions } from '@oauth-pop/core'
import * as popExpress from '@oauth-pop/express'
import { popPlugin } from '@oauth-pop/fastify'
import * as popKoa from '@oauth-pop/koa'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'

/**
 * Serves one route on a free port, which it resolves to.
 *
 * @param check is run by the handler itself
 * @param options put the adapter in front of the route
 */
export type Host = (check: Check, options?: VerifierOptions) => Promise<number>
export type Check = (request: IncomingMessage) => unknown

export const answer = { ok: true }

export const expressHost: Host = (check, options) => {
  const app = express()
  if (options !== undefined) app.use(popExpress.popMiddleware(options))
  app.get('/photos/:id', async (request, response) => {
    await check(request)
    response.json(answer)
  })
  return listen(app)
}

export const fastifyHost: Host = async (check, options) => {
  const app = fastify()
  if (options !== undefined) await app.register(popPlugin, options)
  app.get('/photos/:id', async ({ raw }) => {
    await check(raw)
    return answer
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return portOf(app.server)
}

export const koaHost: Host = (check, options) => {
  const app = new Koa()
  if (options !== undefined) app.use(popKoa.popMiddleware(options))
  app.use(async (context) => {
    await check(context.req)
    context.body = answer
  })
  const handle = app.callback()
  return listen((request, response) => void handle(request, response))
}

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return portOf(server)
}

export function portOf(server: { address(): unknown }): number {
  return (server.address() as AddressInfo).port
}
