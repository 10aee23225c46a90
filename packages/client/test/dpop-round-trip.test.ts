import { createDpopFetch, type DpopFetchOptions } from '@oauth-pop/client'
import {
  dpop,
  memoryReplayStore,
  popMiddleware,
  type PopMiddlewareOptions,
} from '@oauth-pop/express'
import oauthPop from '@oauth-pop/fastify'
import { createClock, listen, type AdapterServer, type FakeClock } from '@oauth-pop/testkit'
import express from 'express'
import fastify from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import { dpopTokens, key } from './bound-key.ts'

interface Api {
  readonly url: string
  /** The proofs that have arrived. */
  readonly proofs: Record<string, unknown>[]
}

const servers: AdapterServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

type Options = Pick<PopMiddlewareOptions, 'nonce'>
type Start = (clock: FakeClock, options: Options, arrived?: () => void) => Promise<Api>

function optionsOf(clock: FakeClock, options: Options): PopMiddlewareOptions {
  const replay = memoryReplayStore({ restartGuard: 'off', now: clock.now })
  const schemes = [dpop()]
  return { publicUrl: 'request', tokens: dpopTokens, schemes, replay, now: clock.now, ...options }
}

function readProof(header: unknown): Record<string, unknown> {
  const [, payload = ''] = String(header).split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
}

const startExpress: Start = async (clock, options, arrived) => {
  const proofs: Api['proofs'] = []
  const app = express()
  app.set('env', 'test')
  app.use((request, response, next) => {
    proofs.push(readProof(request.headers['dpop']))
    arrived?.()
    response.sendDate = false
    response.setHeader('date', new Date(clock.now()).toUTCString())
    next()
  })
  app.use(popMiddleware(optionsOf(clock, options)))
  app.use(express.text({ type: () => true }))
  app.use(({ method, body, accessToken }, response) => {
    response.json({
      method,
      body: typeof body === 'string' ? body : '',
      scheme: accessToken.scheme,
    })
  })
  const server = await listen(app)
  servers.push(server)
  return { url: `http://127.0.0.1:${server.port}`, proofs }
}

const startFastify: Start = async (clock, options, arrived) => {
  const proofs: Api['proofs'] = []
  const app = fastify()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.addHook('onRequest', async (request, reply) => {
    proofs.push(readProof(request.headers['dpop']))
    arrived?.()
    reply.raw.sendDate = false
    reply.header('date', new Date(clock.now()).toUTCString())
  })
  await app.register(oauthPop, optionsOf(clock, options))
  app.all('/*', async ({ method, body, accessToken }) => ({
    method,
    body: typeof body === 'string' ? body : '',
    scheme: accessToken.scheme,
  }))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as { port: number }
  servers.push({ port, handled: () => 0, close: () => app.close() })
  return { url: `http://127.0.0.1:${port}`, proofs }
}

function create(clock: FakeClock, options: Partial<DpopFetchOptions> = {}): typeof fetch {
  return createDpopFetch({ accessToken: 'token', key, now: clock.now, ...options })
}

const stream = (): RequestInit =>
  ({ method: 'POST', body: new Blob(['hello']).stream(), duplex: 'half' }) as RequestInit

describe.each<[string, Start]>([
  ['Express', startExpress],
  ['Fastify', startFastify],
])('createDpopFetch and %s', (_, start) => {
  const modes: Readonly<Record<string, readonly [Options, expected: number]>> = {
    off: [{}, 1],
    offered: [{ nonce: { required: false } }, 1],
    required: [{ nonce: {} }, 2],
    'required for a second': [{ nonce: { lifetimeSeconds: 1 } }, 2],
  }
  describe.each(Object.entries(modes))('nonces %s', (mode, [options, first]) => {
    test('every request arrives as it was meant', async () => {
      const clock = createClock()
      const { url, proofs } = await start(clock, options)
      const dpopFetch = create(clock)
      const calls: readonly (readonly [Parameters<typeof fetch>, method: string, body: string])[] =
        [
          [[`${url}/a?b=1#c`], 'GET', ''],
          [[new URL(`${url}/a//%7Eb/?c=d&c=%20`)], 'GET', ''],
          [[url, { method: 'post', body: 'hello' }], 'POST', 'hello'],
          [[new Request(url, { method: 'PUT', body: 'hello' })], 'PUT', 'hello'],
          [[new Request(url, stream())], 'POST', 'hello'],
          [[url, new Request(url, { method: 'POST', body: 'hello' })], 'POST', 'hello'],
        ]
      for (const [args, method, body] of calls) {
        const response = await dpopFetch(...args)
        expect(await response.json()).toEqual({ method, body, scheme: 'DPoP' })
      }
      expect(proofs).toHaveLength(calls.length + first - 1)
    })

    test(
      'twenty first calls at once all succeed',
      { tags: ['rule-client-dpop-nonce-asked'] },
      async () => {
        const clock = createClock()
        let count = 0
        const { url, proofs } = await start(clock, options, () => {
          count += 1
          if (count % 10 === 0) clock.advance(1)
        })
        const dpopFetch = create(clock)
        const statuses = await Promise.all(
          Array.from({ length: 20 }, async () => (await dpopFetch(url)).status),
        )
        expect(new Set(statuses)).toEqual(new Set([200]))
        expect(proofs).toHaveLength(20 * first)
      },
    )

    test(
      'a nonce that has aged is followed by the newest',
      { tags: ['rule-client-dpop-nonce-newest'] },
      async () => {
        const clock = createClock()
        const { url, proofs } = await start(clock, options)
        const dpopFetch = create(clock)
        await dpopFetch(url)
        clock.advance(options.nonce?.lifetimeSeconds ?? 300)
        expect((await dpopFetch(url)).status).toBe(200)
        expect((await dpopFetch(url)).status).toBe(200)
        expect(proofs).toHaveLength(first + 2)
        const nonces = proofs.slice(first - 1).map(({ nonce }) => nonce)
        // Without nonces, one value: none.
        expect([mode, new Set(nonces).size > 1]).toEqual([mode, mode !== 'off'])
      },
    )

    test('a nonce that is gone is followed by the newest', async () => {
      const clock = createClock()
      const { url } = await start(clock, options)
      const dpopFetch = create(clock)
      await dpopFetch(url)
      clock.advance(10 * (options.nonce?.lifetimeSeconds ?? 300))
      expect((await dpopFetch(url)).status).toBe(200)
    })

    test.each([
      ['an hour behind', -3600],
      ['an hour ahead', 3600],
    ])(
      'a clock that is %s is corrected once',
      { tags: ['rule-client-clock'] },
      async (_name, seconds) => {
        const clock = createClock()
        const { url, proofs } = await start(clock, options)
        const dpopFetch = create(createClock(clock.seconds() + seconds))
        expect((await dpopFetch(url)).status).toBe(200)
        expect(proofs.map(({ iat }) => iat)).toEqual([
          clock.seconds() + seconds,
          ...Array<number>(first).fill(clock.seconds()),
        ])
        expect((await dpopFetch(url)).status).toBe(200)
        expect(proofs).toHaveLength(first + 2)
      },
    )
  })

  test(
    'a stream is sent once, with an error when a nonce is asked, and the next one arrives',
    { tags: ['rule-client-dpop-body-once'] },
    async () => {
      const clock = createClock()
      const { url, proofs } = await start(clock, { nonce: {} })
      const dpopFetch = create(clock)
      const error: unknown = await dpopFetch(url, stream()).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'ERR_POP_BODY_SENT', response: { status: 401 } })
      expect(error).toBeInstanceOf(TypeError)
      expect(proofs).toHaveLength(1)
      expect(await (await dpopFetch(url, stream())).json()).toMatchObject({ body: 'hello' })
    },
  )
})
