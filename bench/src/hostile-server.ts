// A child process: one framework on two ports, without and with its adapter, and a word on what a
// stranger has cost it whenever it is asked.
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { VerifierOptions } from '@oauth-pop/core'
import * as popExpress from '@oauth-pop/express'
import { popPlugin } from '@oauth-pop/fastify'
import * as popKoa from '@oauth-pop/koa'
import express from 'express'
import fastify, { type FastifyInstance } from 'fastify'
import Koa from 'koa'
import { answer, portOf } from './adapter-hosts.ts'
import { nestExpressHost, nestFastifyHost } from './adapter-nest.ts'
import type { Figures, HostileHost, Ports } from './hostile.ts'

type Start = (options?: VerifierOptions) => Promise<number>

// Each trusts its proxies: a forwarded host is one more text that it reads.
const hosts: Readonly<Record<HostileHost, Start>> = {
  Express(options) {
    const app = express().set('trust proxy', true).set('env', 'test')
    if (options !== undefined) app.use(popExpress.popMiddleware(options))
    app.use((_request, response) => void response.json(answer))
    return listen(createServer(app))
  },
  Fastify: (options) => startFastify(fastify({ trustProxy: true }), options),
  'Fastify, HTTP/2': (options) =>
    startFastify(fastify({ trustProxy: true, http2: true }) as unknown as FastifyInstance, options),
  Koa: (options) => listen(createServer(koaListener(options))),
  'Koa, HTTP/2': (options) =>
    listen(
      createHttp2Server(koaListener(options) as unknown as Parameters<typeof createHttp2Server>[1]),
    ),
  'Nest on Express': (options) => nestExpressHost(() => undefined, options),
  'Nest on Fastify': (options) => nestFastifyHost(() => undefined, options),
}

function koaListener(options: VerifierOptions | undefined): RequestListener {
  const app = new Koa({ proxy: true })
  app.silent = true
  if (options !== undefined) app.use(popKoa.popMiddleware(options))
  app.use((context) => void (context.body = answer))
  const handle = app.callback()
  return (request, response) => void handle(request, response)
}

async function startFastify(
  app: FastifyInstance,
  options: VerifierOptions | undefined,
): Promise<number> {
  if (options !== undefined) await app.register(popPlugin, options)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume().on('end', () => done(null))
  })
  app.all('*', async () => answer)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return portOf(app.server)
}

async function listen(
  server: ReturnType<typeof createServer> | ReturnType<typeof createHttp2Server>,
): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return portOf(server)
}

// Nobody ever answers: what waits for a token source waits for as long as somebody measures.
const tokens = { resolve: () => new Promise<never>(() => {}) }
const name = process.argv[2] as HostileHost
const publicUrl = process.argv[3] ?? ''
const start = hosts[name]

let last = performance.now()
let stall = 0
const watched = process.argv[4] === 'watch'

/** One turn of the event loop after the other: the longest gap is what anybody else had to wait. */
function watch(): void {
  const now = performance.now()
  stall = Math.max(stall, now - last)
  last = now
  setImmediate(watch)
}

const ports: Ports = { bare: await start(), adapter: await start({ publicUrl, tokens }) }
process.send?.(ports)
if (watched) watch()
process.on('message', () => {
  if (!watched) globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  process.send?.({ stall, rss, held: heapUsed + external } satisfies Figures)
  stall = 0
})
process.once('disconnect', () => process.exit())
