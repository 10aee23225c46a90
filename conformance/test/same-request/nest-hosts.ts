import 'reflect-metadata'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { All, Controller, HttpCode, Module, Req, type DynamicModule } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { PopModule, UsePoP, type PopModuleOptions } from '@oauth-pop/nestjs'
import type { Start } from './hosts.ts'
import { pathOf, routes, withoutCredential, type View } from './view.ts'

/** What the requests of both platforms have. */
interface NestRequest {
  readonly accessToken?: { readonly scheme: string }
  readonly params: unknown
  readonly path?: string
  readonly url: string
  readonly method: string
  readonly hostname: string
  readonly query: unknown
  readonly headers: Readonly<Record<string, unknown>>
  readonly body?: unknown
}

/** One controller for each route, so that the handler knows which one ran. */
function createController(route: string): new () => object {
  @Controller()
  @UsePoP()
  class RouteController {
    @All(route)
    @HttpCode(200)
    answer(@Req() request: NestRequest): View {
      const { params, url, method, hostname, query, headers, body = null } = request
      const { path = pathOf(url) } = request
      const scheme = request.accessToken?.scheme ?? null
      const view = { scheme, route, params, path, method, host: hostname, query, body }
      return { ...view, headers: withoutCredential(headers) }
    }
  }
  return RouteController
}

function createModule(options: PopModuleOptions): DynamicModule {
  const controllers = routes.map(createController)
  @Module({ imports: [PopModule.forRoot(options)], controllers })
  class RoutesModule {}
  return { module: RoutesModule }
}

function nestHost(platform: 'express' | 'fastify'): Start {
  return async ({ options, trustProxy, maxHeadersCount }) => {
    const adapter =
      platform === 'express'
        ? new ExpressAdapter()
        : new FastifyAdapter({ forceCloseConnections: true, trustProxy })
    const app = await NestFactory.create(createModule(options), adapter, {
      logger: false,
      forceCloseConnections: true,
    })
    if (platform === 'express') {
      const own = app as NestExpressApplication
      own.set('query parser', 'extended')
      own.set('trust proxy', trustProxy)
    }
    await app.listen(0, '127.0.0.1')
    const server = app.getHttpServer() as Server
    if (maxHeadersCount !== undefined) server.maxHeadersCount = maxHeadersCount
    return { port: (server.address() as AddressInfo).port, close: () => app.close() }
  }
}

export const nestHosts: Readonly<Record<string, Start>> = {
  'Nest on Express': nestHost('express'),
  'Nest on Fastify': nestHost('fastify'),
}
