import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { finished } from 'node:stream/promises'
import { popMiddleware, type PopMiddlewareOptions } from '@oauth-pop/express'
import oauthPop from '@oauth-pop/fastify'
import { popMiddleware as koaMiddleware } from '@oauth-pop/koa'
import {
  apiUrl,
  createRequests,
  listen,
  sendRaw,
  type RawRequest,
  type RawResponse,
} from '@oauth-pop/testkit'
import type { Express } from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import mount from 'koa-mount'
import { afterEach, describe, expect, test } from 'vitest'
import { expressVersions } from './hosts.ts'

describe.each(Object.entries(expressVersions))('mounted at /billing, with %s', (_name, express) => {
  const { tokens, signed, anonymous } = createRequests()
  const options: PopMiddlewareOptions = { publicUrl: apiUrl, tokens }
  const closing: (() => Promise<unknown>)[] = []

  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()))
  })

  async function serve(
    handler: RequestListener,
  ): Promise<(request: RawRequest) => Promise<RawResponse>> {
    const { port, close } = await listen(handler)
    closing.push(close)
    return (request) => sendRaw(port, request)
  }

  function protectedApp(own: PopMiddlewareOptions = options): Express {
    const app = express()
    app.set('env', 'test')
    app.use(popMiddleware(own))
    app.use((request, response) => void response.send(request.accessToken.subject))
    return app
  }

  function koaApp(): RequestListener {
    const app = new Koa()
    app.use(koaMiddleware(options)).use((ctx) => {
      ctx.body = ctx.state.accessToken.subject
    })
    const handle = app.callback()
    return (request, response) => void handle(request, response)
  }

  async function fastifyApp(): Promise<RequestListener> {
    const app = fastify()
    await app.register(oauthPop, options)
    app.get('/x', (request) => request.accessToken.subject)
    await app.ready()
    closing.push(() => app.close())
    return (request, response) => app.routing(request, response)
  }

  const under = (inner: RequestListener): RequestListener => {
    const app = express()
    app.set('env', 'test')
    app.use('/billing', (request, response) => {
      inner(request, response)
    })
    return app
  }

  const applications: [string, () => RequestListener | Promise<RequestListener>][] = [
    ['a Koa application under Express', () => under(koaApp())],
    ['a Fastify application under Express', async () => under(await fastifyApp())],
    ['an Express application under Express', () => express().use('/billing', protectedApp())],
    [
      'an Express router under Express',
      () => {
        const router = express.Router()
        router.use(popMiddleware(options))
        router.get('/x', (request, response) => void response.send(request.accessToken.subject))
        return express().set('env', 'test').use('/billing', router)
      },
    ],
    ['an Express application under a server like Connect', () => strip(protectedApp())],
    ['a Koa application under a server like Connect', () => strip(koaApp())],
    ['a Fastify application under a server like Connect', async () => strip(await fastifyApp())],
  ]

  test.each(applications)(
    '%s compares the target that arrived',
    { tags: ['attack-46', 'shr-path-mounted', 'rule-location-raw-target'] },
    async (_case, build) => {
      const send = await serve(await build())
      const target = '/billing/x'
      expect((await send(signed({ p: '/x' }, { target }))).status).toBe(401)
      expect((await send(anonymous({ target }))).status).toBe(401)
      const accepted = await send(signed({}, { target }))
      expect([accepted.status, accepted.body]).toEqual([200, 'alice'])
    },
  )

  test(
    'under koa-mount, which keeps what arrived to itself, the path belongs into publicUrl',
    { tags: ['attack-46', 'shr-path-mounted', 'rule-location-prefix'] },
    async () => {
      const target = '/billing/x'
      const ask = async (publicUrl: string, claims?: object): Promise<number> => {
        const inner = protectedApp({ ...options, publicUrl })
        const outer = new Koa().use(
          mount('/billing', async (ctx) => {
            ctx.respond = false
            ctx.res.statusCode = 200
            inner(ctx.req, ctx.res)
            // koa-mount puts the path back as soon as this is over.
            await finished(ctx.res)
          }),
        )
        const handle = outer.callback()
        const send = await serve((request, response) => void handle(request, response))
        return (await send(signed({ ...claims }, { target }))).status
      }
      expect(await ask(`${apiUrl}/billing`)).toBe(200)
      expect(await ask(`${apiUrl}/billing`, { p: '/x' })).toBe(401)
      expect(await ask(apiUrl)).toBe(401)
    },
  )
})

/** Takes `/billing` off as Connect does, and keeps what arrived where Connect keeps it. */
function strip(inner: RequestListener): RequestListener {
  return (request: IncomingMessage & { originalUrl?: string }, response: ServerResponse) => {
    const { url = '' } = request
    request.originalUrl = url
    request.url = url.slice('/billing'.length)
    inner(request, response as Parameters<RequestListener>[1])
  }
}
