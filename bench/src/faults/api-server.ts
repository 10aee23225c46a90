// A child process: an API on two ports, behind the verifier and without it, that does what it is told.
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createVerifier,
  introspectedTokens,
  isPopError,
  jwtTokens,
  pop,
  storedTokens,
  type ReplayStore,
  type TokenResolver,
  type VerifierOptions,
} from '@oauth-pop/core'
import { popMiddleware } from '@oauth-pop/express'
import { popPlugin } from '@oauth-pop/fastify'
import express from 'express'
import fastify from 'fastify'
import { answer, portOf } from '../adapter-hosts.ts'
import { audience, issuer } from '../proofs.ts'
import type { ApiSettings, Order, Report } from './api.ts'
import { openPool } from './clients.ts'
import { openStore } from './stores.ts'

const settings = JSON.parse(process.argv[2] ?? '{}') as ApiSettings
const { host = 'http', handlerMs = 0, port: wanted = 0 } = settings
const open = await openStore(settings.store)
const pool =
  'stored' in settings.tokens
    ? await openPool(settings.tokens.stored, 1, settings.tokens.waitMs)
    : open.pool
const body = JSON.stringify(answer)
let [handled, claims, warnings, outages] = [0, 0, 0, 0]
let refused: Record<string, number> = {}

const replay: ReplayStore = {
  claim(entry) {
    claims += 1
    return open.store.claim(entry)
  },
}
const options: VerifierOptions = {
  publicUrl: audience,
  tokens: createTokens(),
  schemes: [pop()],
  replay,
  ...(settings.maxAgeSeconds !== undefined && { maxAgeSeconds: settings.maxAgeSeconds }),
}

function createTokens(): TokenResolver {
  const { tokens } = settings
  if ('introspection' in tokens) {
    const { introspection: endpoint, cacheSeconds } = tokens
    const cache = cacheSeconds === undefined ? {} : { cache: { seconds: cacheSeconds } }
    return introspectedTokens({ endpoint, clientId: 'api', clientSecret: 's', audience, ...cache })
  }
  if ('stored' in tokens) return storedTokens((_hash, token) => lookUp(token), { audience })
  const { jwks, cache } = tokens
  return jwtTokens({ issuer, audience, jwks, ...(cache !== undefined && { cache }) })
}

/** The database is asked as one with a table of tokens is; its answer is what the token says of itself. */
async function lookUp(token: string): Promise<Record<string, unknown> | undefined> {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  const answer = await pool?.query('select $1::json as record', [payload])
  const rows = (answer as { rows?: readonly { record: Record<string, unknown> }[] }).rows
  return rows?.[0]?.record
}

async function work(protect: boolean): Promise<void> {
  if (protect) handled += 1
  if (handlerMs > 0) await sleep(handlerMs)
}

async function serve(protect: boolean, port: number): Promise<Server> {
  if (host === 'Fastify') {
    const app = fastify()
    if (protect) await app.register(popPlugin, options)
    app.all('*', async () => {
      await work(protect)
      return answer
    })
    await app.listen({ port, host: '127.0.0.1' })
    return app.server
  }
  if (host === 'Express') {
    const app = express().set('env', 'test')
    if (protect) app.use(popMiddleware(options))
    app.use(async (_request, response) => {
      await work(protect)
      response.json(answer)
    })
    return listen(createServer(app), port)
  }
  const verifier = createVerifier(options)
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', rawHeaders } = request
    try {
      if (protect) await verifier.verify({ method, target: url, rawHeaders })
    } catch (error) {
      if (!isPopError(error)) throw error
      return void response.writeHead(error.status, error.headers as OutgoingHttpHeaders).end()
    }
    await work(protect)
    response.setHeader('content-type', 'application/json').end(body)
  }
  return listen(
    createServer((request, response) => void handle(request, response)),
    port,
  )
}

async function listen(server: Server, port: number): Promise<Server> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

process.on('warning', () => (warnings += 1))
diagnostics.subscribe('oauth-pop:outage', () => (outages += 1))
diagnostics.subscribe('oauth-pop:refused', (event) => {
  const { code } = event as { code: string }
  refused[code] = (refused[code] ?? 0) + 1
})

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()

function report(collect: boolean): Report {
  if (collect) globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed: heap } = process.memoryUsage()
  const [delayP99, delayMax] = [delay.percentile(99) / 1e6, delay.max / 1e6]
  const handles = process.getActiveResourcesInfo().length
  const counts = { handled, claims, refused, warnings, outages }
  const said = { cpu: user + system, rss, heap, handles, delayP99, delayMax, ...counts }
  delay.reset()
  ;[handled, claims, warnings, outages] = [0, 0, 0, 0]
  refused = {}
  return said
}

const now = performance.now.bind(performance)
let ahead = 0
let giveBack: (() => void) | undefined
async function obey(order: Order): Promise<void> {
  if (order.do === 'block') {
    const end = now() + order.milliseconds
    while (now() < end);
  }
  if (order.do === 'warp') {
    ahead += order.seconds * 1000
    performance.now = () => now() + ahead
  }
  if (order.do === 'hold') giveBack = await pool?.hold()
  if (order.do === 'release') giveBack?.()
  process.send?.(report(order.do === 'report' && order.collect === true))
}
process.on('message', (order: Order) => void obey(order))

const [guarded, plain] = [await serve(true, wanted), await serve(false, 0)]
process.once('disconnect', () => process.exit())
process.once('SIGTERM', () => {
  process.removeAllListeners('disconnect')
  process.removeAllListeners('message')
  process.disconnect()
  for (const server of [guarded, plain]) {
    server.close()
    // What was under way keeps its connection for six seconds otherwise.
    const timer = setInterval(() => server.closeIdleConnections(), 50)
    server.once('close', () => clearInterval(timer))
  }
  guarded.once('close', () => void open.close())
})
process.send?.({ port: portOf(guarded), plainPort: portOf(plain) })
