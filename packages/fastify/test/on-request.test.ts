import fastifyExpress from '@fastify/express'
import middie from '@fastify/middie'
import {
  addressOf,
  apiUrl,
  challengesOf,
  createRequests,
  sendRaw,
  type RawRequest,
  type RawResponse,
} from '@oauth-pop/testkit'
import express from 'express'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import oauthPop, { type PopPluginOptions } from '@oauth-pop/fastify'

const { tokens, signed, anonymous } = createRequests()
const options: PopPluginOptions = { publicUrl: apiUrl, tokens }
const closing: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

type Step = (app: FastifyInstance) => unknown

/** Takes the steps in order; each is awaited, as an application does with its plugins. */
async function serve(...steps: readonly Step[]): Promise<(r: RawRequest) => Promise<RawResponse>> {
  const app = fastify({ forceCloseConnections: true })
  for (const step of steps) await step(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  closing.push(() => app.close())
  const { port } = addressOf(app.server)
  return (request) => sendRaw(port, request)
}

const protect: Step = (app) => app.register(oauthPop, options)

const routes: Step = (app) => {
  app.get('/items', () => 'native')
  app.get('/public', { config: { pop: false } }, () => 'exempt')
}

/** A whole application, which answers by itself and never calls on. */
function legacy(): express.Express {
  const app = express()
  app.use((_request, response) => void response.send('legacy'))
  return app
}

const bridges: [string, Step][] = [
  ['@fastify/express', (app) => app.register(fastifyExpress)],
  ['@fastify/middie', (app) => app.register(middie)],
]

describe.each(bridges)('an application under %s', (_name, bridge) => {
  const mount: Step = (app) => void app.use('/legacy', legacy())
  const target = '/legacy/photos'

  test(
    'registered after the plugin, is protected as a route is',
    { tags: ['attack-46', 'rule-exempt-exactly'] },
    async () => {
      const send = await serve(protect, bridge, mount, routes)
      expect((await send(anonymous({ target }))).status).toBe(401)
      expect((await send(signed({ p: '/photos' }, { target }))).status).toBe(401)
      const accepted = await send(signed({}, { target }))
      expect([accepted.status, accepted.body]).toEqual([200, 'legacy'])
      expect((await send(anonymous())).status).toBe(401)
      const exempt = await send(anonymous({ target: '/public' }))
      expect([exempt.status, exempt.body]).toEqual([200, 'exempt'])
    },
  )

  test.each<[string, Step[]]>([
    ['registered and mounted before the plugin', [bridge, mount, protect, routes]],
    ['registered before the plugin, though mounted after it', [bridge, protect, mount, routes]],
  ])('%s, is open', async (_case, steps) => {
    const send = await serve(...steps)
    const open = await send(anonymous({ target }))
    expect([open.status, open.body]).toEqual([200, 'legacy'])
    expect((await send(anonymous())).status).toBe(401)
  })
})

describe('a CORS preflight', () => {
  const cors: Step = (app) => {
    app.addHook('onRequest', async ({ method }, reply) => {
      reply.header('access-control-allow-origin', 'https://app.example')
      if (method === 'OPTIONS') return reply.code(204).send()
    })
  }
  const headers = [
    ['Origin', 'https://app.example'],
    ['Access-Control-Request-Method', 'GET'],
  ] as const

  test.each<[string, Step[], number, number]>([
    ['before the plugin is answered', [cors, protect, routes], 204, 0],
    ['after the plugin is refused', [protect, cors, routes], 401, 2],
  ])(
    'that a hook answers %s',
    { tags: ['attack-200', 'answer-cors'] },
    async (_case, steps, status, challenges) => {
      const send = await serve(...steps)
      for (const target of ['/items', '/nowhere']) {
        const response = await send(anonymous({ method: 'OPTIONS', target, headers }))
        expect([response.status, challengesOf(response).length]).toEqual([status, challenges])
      }
    },
  )
})
