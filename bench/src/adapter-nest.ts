import type { IncomingMessage } from 'node:http'
import { Controller, Get, Module, Req } from '@nestjs/common'
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { PopModule, UsePoP } from '@oauth-pop/nestjs'
import { answer, portOf, type Check, type Host } from './adapter-hosts.ts'

export const nestExpressHost: Host = (check, options) =>
  start(new ExpressAdapter(), createController(check), options)

export const nestFastifyHost: Host = (check, options) =>
  start(new FastifyAdapter(), createController(check), options)

/** Decorators are called as functions, because Node strips types but does not know decorators. */
function createController(check: Check): new () => object {
  class Photos {
    async show(request: IncomingMessage | { readonly raw: IncomingMessage }): Promise<object> {
      await check('raw' in request ? request.raw : request)
      return answer
    }
  }
  const { prototype } = Photos
  const show = Object.getOwnPropertyDescriptor(prototype, 'show') as PropertyDescriptor
  Controller('photos')(Photos)
  Get(':id')(prototype, 'show', show)
  Req()(prototype, 'show', 0)
  return Photos
}

async function start(
  adapter: AbstractHttpAdapter,
  controller: new () => object,
  options: Parameters<Host>[1],
): Promise<number> {
  class App {}
  if (options !== undefined) UsePoP()(controller)
  const imports = options === undefined ? [] : [PopModule.forRoot(options)]
  Module({ imports, controllers: [controller] })(App)
  const app = await NestFactory.create(App, adapter, { logger: false })
  await app.listen(0, '127.0.0.1')
  return portOf(app.getHttpServer() as Parameters<typeof portOf>[0])
}
