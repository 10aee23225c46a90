import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parse } from 'node:querystring'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import type { AccessToken } from '@oauth-pop/core'
import { createProtection, type AdapterOptions } from '@oauth-pop/core/node'
import * as express from '@oauth-pop/express'
import * as fastifyPop from '@oauth-pop/fastify'
import * as koa from '@oauth-pop/koa'
import type { Express, Request, Response } from 'express'
import fastify from 'fastify'
import createRouter from 'find-my-way-9.8'
import { expressVersions } from '../../../packages/express/test/hosts.ts'
import { koaVersions } from '../../../packages/koa/test/hosts.ts'
import { nestHosts } from './nest-hosts.ts'
import { pathOf, routes, withoutCredential, type View } from './view.ts'

export interface Running {
  readonly port: number
  readonly close: () => Promise<unknown>
}

interface StartOptions {
  readonly options: AdapterOptions
  /** Trust `X-Forwarded-Host` and its like. */
  readonly trustProxy: boolean
  /** Node's own default when absent. */
  readonly maxHeadersCount: number | undefined
}

export type Start = (options: StartOptions) => Promise<Running>

type ExpressName = keyof typeof expressVersions
type KoaName = keyof typeof koaVersions
type QueryParser = 'simple' | 'extended'

async function serve(server: Server, maxHeadersCount: number | undefined): Promise<Running> {
  if (maxHeadersCount !== undefined) server.maxHeadersCount = maxHeadersCount
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answer(route: string): (request: Request, response: Response) => void {
  return (request, response) => {
    const { params, path, method, hostname, query, headers, body } = request
    const { scheme = null } = (request.accessToken ?? {}) as Partial<AccessToken>
    const view = { scheme, route, params, path, method, host: hostname, query, body } as const
    response.json({ ...view, headers: withoutCredential(headers) } satisfies View)
  }
}

/** An application of Express with all routes, `/billing/x` in a router of its own. */
function expressApp(name: ExpressName, parser: QueryParser, trustProxy: boolean): Express {
  const app = expressVersions[name]()
  app.set('env', 'test')
  app.set('query parser', parser)
  app.set('trust proxy', trustProxy)
  return app
}

function addExpressRoutes(name: ExpressName, app: Express, options: AdapterOptions): void {
  const create = expressVersions[name]
  app.use(express.popMiddleware(options))
  app.use(create.json(), create.urlencoded({ extended: true }), create.text())
  const billing = create.Router()
  billing.all('/x', answer('/billing/x'))
  app.use('/billing', billing)
  for (const route of routes) app.all(route, answer(route))
}

function expressHost(name: ExpressName, parser: QueryParser): Start {
  return async ({ options, trustProxy, maxHeadersCount }) => {
    const app = expressApp(name, parser, trustProxy)
    addExpressRoutes(name, app, options)
    return serve(createServer(app as RequestListener), maxHeadersCount)
  }
}

/** The application that is protected is mounted in another one, of either version. */
function mountedExpress(outer: ExpressName, inner: ExpressName): Start {
  return async ({ options, trustProxy, maxHeadersCount }) => {
    const mounted = expressApp(inner, 'extended', trustProxy)
    addExpressRoutes(inner, mounted, options)
    const app = expressApp(outer, 'extended', trustProxy)
    app.use('/billing', mounted)
    return serve(createServer(app as RequestListener), maxHeadersCount)
  }
}

function koaCallback(name: KoaName, { options, trustProxy }: StartOptions): RequestListener {
  const app = new koaVersions[name]({ proxy: trustProxy })
  app.silent = true
  app.use(koa.popMiddleware(options))
  app.use(bodyParser({ enableTypes: ['json', 'form', 'text'] }))
  const router = new Router()
  for (const route of routes) {
    router.all(route, (ctx) => {
      const { params, path, method, hostname, query, headers } = ctx
      const token: AccessToken | undefined = ctx.state['accessToken'] as AccessToken | undefined
      const { body } = ctx.request as { body?: unknown }
      const view = { route, params, path, method, host: hostname, query, body }
      const scheme = token?.scheme ?? null
      ctx.body = { ...view, scheme, headers: withoutCredential(headers) } satisfies View
    })
  }
  app.use(router.routes())
  const handle = app.callback()
  return (request, response) => void handle(request, response)
}

function koaHost(name: KoaName): Start {
  return async (start) => serve(createServer(koaCallback(name, start)), start.maxHeadersCount)
}

function koaInExpress(outer: ExpressName, inner: KoaName): Start {
  return async (start) => {
    const app = expressApp(outer, 'extended', start.trustProxy)
    app.use('/billing', koaCallback(inner, start) as never)
    return serve(createServer(app as RequestListener), start.maxHeadersCount)
  }
}

const fastifyHost: Start = async ({ options, trustProxy, maxHeadersCount }) => {
  const app = fastify({ forceCloseConnections: true, trustProxy })
  await app.register(fastifyPop.popPlugin, options)
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, parse(String(body))),
  )
  for (const route of routes) {
    app.all(route, (request, reply) => {
      const { params, method, hostname, query, headers, body, accessToken } = request
      const path = pathOf(request.url)
      const { scheme = null } = (accessToken ?? {}) as Partial<AccessToken>
      const view = { scheme, route, params, path, method, host: hostname, query, body }
      reply.send({ ...view, headers: withoutCredential(headers) } satisfies View)
    })
  }
  if (maxHeadersCount !== undefined) app.server.maxHeadersCount = maxHeadersCount
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
}

/** The oldest router that the range of the Fastify adapter may meet, on a server of Node's. */
const routerHost: Start = async ({ options, maxHeadersCount }) => {
  const protection = createProtection(options)
  const router = createRouter()
  const tokens = new WeakMap<object, AccessToken>()
  for (const route of routes) {
    router.all(route, (request, response, params, _store, query) => {
      const { method = '', headers, url = '' } = request
      const path = pathOf(url)
      const scheme = tokens.get(request)?.scheme ?? null
      const view = { scheme, route, params, path, method, query, body: null }
      const host = headers.host ?? ''
      const text = JSON.stringify({ ...view, host, headers: withoutCredential(headers) })
      response.setHeader('Content-Length', Buffer.byteLength(text)).end(text)
    })
  }
  const server = createServer((request, response) => {
    const view = { target: request.url ?? '', origin: () => '' }
    protection.verify(request, response, view).then(
      (accessToken) => {
        if (accessToken !== undefined) tokens.set(request, accessToken)
        router.lookup(request, response)
      },
      (error: { status: number }) =>
        response.writeHead(error.status, { 'Content-Length': 0 }).end(),
    )
  })
  return serve(server, maxHeadersCount)
}

/** Applications at the root of their server. */
export const rootHosts: Readonly<Record<string, Start>> = {
  'Express 5 simple': expressHost('Express 5', 'simple'),
  'Express 5 extended': expressHost('Express 5', 'extended'),
  'Express 4 simple': expressHost('Express 4', 'simple'),
  'Express 4 extended': expressHost('Express 4', 'extended'),
  'Koa 3': koaHost('Koa 3'),
  'Koa 2': koaHost('Koa 2'),
  'Fastify 5': fastifyHost,
  'find-my-way 9.8': routerHost,
  ...nestHosts,
}

/** Applications at `/billing` in another one. */
export const mountedHosts: Readonly<Record<string, Start>> = {
  'Koa 3 in Express 5': koaInExpress('Express 5', 'Koa 3'),
  'Koa 2 in Express 4': koaInExpress('Express 4', 'Koa 2'),
  'Express 5 in Express 5': mountedExpress('Express 5', 'Express 5'),
  'Express 4 in Express 5': mountedExpress('Express 5', 'Express 4'),
}
