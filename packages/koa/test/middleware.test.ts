import { createServer as createHttp2Server } from 'node:http2'
import { buffer } from 'node:stream/consumers'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import {
  addressOf,
  apiUrl,
  askFeedAndItems,
  challengesOf,
  createRequests,
  hashOf,
  listen,
  sendHttp2,
  sendRaw,
  type RawRequest,
  type RawResponse,
} from '@oauth-pop/testkit'
import type { default as Application, Context, Middleware } from 'koa'
import { koaBody } from 'koa-body'
import mount from 'koa-mount'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  memoryReplayStore,
  PopError,
  optionalAccessToken,
  popMiddleware,
  requireCoverage,
  requireScopes,
  type PopMiddlewareOptions,
  type ReplayStore,
} from '@oauth-pop/koa'
import { koaVersions } from './hosts.ts'

describe.each(Object.entries(koaVersions))('popMiddleware on %s', (_name, Koa) => {
  const { tokens, sign, signed, signedPost, form, inQuery, anonymous } = createRequests()
  const options: PopMiddlewareOptions = { publicUrl: apiUrl, tokens }
  const closing: (() => Promise<unknown>)[] = []

  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()))
  })

  async function serve(
    build: (app: Application) => void,
  ): Promise<(request: RawRequest) => Promise<RawResponse>> {
    const app = new Koa()
    build(app)
    const handle = app.callback()
    const { port, close } = await listen((request, response) => void handle(request, response))
    closing.push(close)
    return (request) => sendRaw(port, request)
  }

  function echo(ctx: Context): void {
    const { body = null } = ctx.request as { body?: unknown }
    ctx.body = { body, subject: ctx.state.accessToken?.subject ?? null }
  }

  const jsonPost = (text: string, claims?: Record<string, unknown>): RawRequest =>
    signedPost('application/json', text, claims)

  const parsers: [string, () => Middleware][] = [
    ['@koa/bodyparser', () => bodyParser()],
    ['koa-body', () => koaBody()],
  ]

  describe.each(parsers)('with %s', (_parser, parse) => {
    test('mounted after it, verifies the signed body and leaves it to the parser', async () => {
      const send = await serve((app) => {
        app.use(popMiddleware(options)).use(parse()).use(echo)
      })
      const response = await send(jsonPost('{"a":1}', { b: hashOf('{"a":1}') }))
      expect(JSON.parse(response.body)).toEqual({ body: { a: 1 }, subject: 'alice' })
      expect((await send(jsonPost('{"a":2}', { b: hashOf('{"a":1}') }))).status).toBe(401)
    })

    test('mounted after it, takes the proof out of the form and leaves the form', async () => {
      const send = await serve((app) => {
        app.use(popMiddleware(options)).use(parse()).use(echo)
      })
      const response = await send(form((proof) => `a=1&pop_access_token=${proof}`))
      expect(JSON.parse(response.body)).toMatchObject({ body: { a: '1' }, subject: 'alice' })
    })

    test(
      'mounted before it, a signed body is a wiring error, never a skip',
      { tags: ['attack-179', 'shr-body-unreadable', 'answer-wiring'] },
      async () => {
        const send = await serve((app) => {
          app.use(parse()).use(popMiddleware(options)).use(echo)
        })
        expect((await send(jsonPost('{"a":1}'))).status).toBe(200)
        const response = await send(jsonPost('{"a":1}', { b: hashOf('{"a":1}') }))
        expect([response.status, challengesOf(response)]).toEqual([500, []])
      },
    )

    test.each([
      ['one value', (proof: string) => `pop_access_token=${proof}`, 200],
      ['two values', (proof: string) => `pop_access_token=${proof}&pop_access_token=${proof}`, 400],
      ['an object', (proof: string) => `pop_access_token[x]=${proof}`, 400],
      ['none', () => 'a=1', 401],
    ])('mounted before it, reads the parsed form: %s', async (_case, body, status) => {
      const send = await serve((app) => {
        app.use(parse()).use(popMiddleware(options)).use(echo)
      })
      expect((await send(form(body))).status).toBe(status)
    })
  })

  test('without a parser, leaves the verified body on the request', async () => {
    const send = await serve((app) => {
      app.use(popMiddleware(options)).use(async (ctx) => {
        ctx.body = (await buffer(ctx.req)).toString()
      })
    })
    const response = await send(signedPost('text/csv', 'a;b', { b: hashOf('a;b') }))
    expect([response.status, response.body]).toEqual([200, 'a;b'])
  })

  test(
    'in applications mounted at two depths, compares the whole path',
    { tags: ['attack-46', 'shr-path-mounted'] },
    async () => {
      const inner = new Koa().use(popMiddleware(options)).use(echo)
      const outer = new Koa().use(mount('/shop', inner))
      const send = await serve((app) => app.use(mount('/v1', outer)))
      const target = '/v1/shop/items'
      expect((await send(signed({}, { target }))).status).toBe(200)
      expect((await send(signed({ p: '/items' }, { target }))).status).toBe(401)
    },
  )

  test('in a router with a prefix, guards single routes', async () => {
    const router = new Router({ prefix: '/v1' })
    router.get('/items', requireScopes('read'), echo)
    router.get('/admin', requireScopes('admin'), echo)
    router.post('/items', requireScopes('write'), requireCoverage({ body: true }), echo)
    const send = await serve((app) => {
      app.use(popMiddleware(options)).use(router.routes())
    })
    expect((await send(signed({}, { target: '/v1/items' }))).status).toBe(200)
    expect((await send(signed({}, { target: '/v1/admin' }))).status).toBe(403)
    expect((await send(signed({}, { target: '/v1/items', method: 'POST' }))).status).toBe(401)
    expect((await send(anonymous({ target: '/v1/items' }))).status).toBe(401)
  })

  test('mounted in a router, protects its routes and no others', async () => {
    const router = new Router()
    router.use(popMiddleware(options)).get('/items', echo)
    const send = await serve((app) => {
      app.use(router.routes()).use(echo)
    })
    expect((await send(anonymous())).status).toBe(401)
    expect((await send(signed())).status).toBe(200)
    expect((await send(anonymous({ target: '/open' }))).status).toBe(200)
  })

  test('behind a middleware that rewrites the URL, compares the one that arrived', async () => {
    const send = await serve((app) => {
      app.use(async (ctx, next) => {
        ctx.url = '/rewritten'
        await next()
      })
      app.use(popMiddleware(options)).use(echo)
    })
    expect((await send(signed())).status).toBe(200)
  })

  test('mounted twice, verifies once', { tags: ['rule-one-verification'] }, async () => {
    const store = memoryReplayStore()
    const claim = vi.fn<ReplayStore['claim']>((entry) => store.claim(entry))
    const send = await serve((app) => {
      const middleware = popMiddleware({ ...options, replay: { claim } })
      app.use(middleware).use(middleware).use(echo)
    })
    expect((await send(signed())).status).toBe(200)
    expect(claim).toHaveBeenCalledTimes(1)
  })

  describe('optional on one route', { tags: ['rule-optional-route'] }, () => {
    const answer = (ctx: Context): void => {
      ctx.body = { subject: optionalAccessToken(ctx)?.subject ?? null }
    }
    const optional = { ...options, optional: true } as const

    test('ahead of the rest, opens that route only', async () => {
      const send = await serve((app) => {
        const router = new Router()
        router.get('/feed', popMiddleware(optional), answer)
        app.use(router.routes()).use(popMiddleware(options)).use(answer)
      })
      const answers = await askFeedAndItems(send, { signed, anonymous })
      expect(answers).toEqual([200, 401, 200, 401, 401, 200])
    })

    test.each([
      ['does not open it when the mount for all comes first', options, optional],
      ['does not open what follows it', optional, options],
    ])('%s', async (_, first, second) => {
      const send = await serve((app) => {
        app.use(popMiddleware(first)).use(popMiddleware(second)).use(answer)
      })
      expect([(await send(anonymous())).status, (await send(signed())).status]).toEqual([401, 200])
    })
  })

  test(
    'two verifiers on one request are a configuration error',
    { tags: ['rule-two-verifiers'] },
    async () => {
      const send = await serve((app) => {
        app
          .use(popMiddleware(options))
          .use(popMiddleware({ ...options, realm: 'other' }))
          .use(echo)
      })
      expect((await send(signed())).status).toBe(500)
    },
  )

  test('throws what Koa needs: status, headers, expose', { tags: ['attack-205'] }, async () => {
    const caught = vi.fn<(error: unknown) => void>()
    const send = await serve((app) => {
      app.use(async (_ctx, next) => {
        await next().catch((error: unknown) => {
          caught(error)
          throw error
        })
      })
      app.use(popMiddleware(options))
    })
    const response = await send(anonymous())
    expect(response.body).toBe('The request carries no credential of an enabled scheme')
    const [error] = caught.mock.lastCall ?? []
    expect(error).toBeInstanceOf(PopError)
    expect(error).toMatchObject({ status: 401, expose: true })
    expect((error as PopError).headers['www-authenticate']).toHaveLength(2)
  })

  test(
    'an error middleware that only sets a status keeps challenges and cache rule',
    { tags: ['attack-205', 'answer-error-handler', 'answer-no-store'] },
    async () => {
      const send = await serve((app) => {
        app.use(async (ctx, next) => {
          try {
            await next()
          } catch {
            ctx.status = 401
          }
        })
        app.use(popMiddleware(options))
      })
      const response = await send(anonymous())
      expect([response.status, challengesOf(response).length]).toEqual([401, 2])
      expect(response.headers).toContainEqual(['cache-control', 'no-store'])
    },
  )

  test('a refusal is printed nowhere, and a listener of the application hears of it', async () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {})
    const heard = vi.fn<(error: unknown) => void>()
    const quiet = await serve((app) => app.use(popMiddleware(options)))
    await quiet(anonymous())
    const listening = await serve((app) => {
      app.on('error', heard)
      app.use(popMiddleware(options))
    })
    await listening(anonymous())
    expect([print.mock.calls, heard.mock.calls.length]).toEqual([[], 1])
    print.mockRestore()
  })

  test(
    'with CORS first and kept on errors, a preflight passes and scripts read a refusal',
    { tags: ['attack-200', 'answer-cors'] },
    async () => {
      const allow = { 'access-control-allow-origin': 'https://app.example' }
      const send = await serve((app) => {
        app.use(async (ctx, next) => {
          ctx.set(allow)
          if (ctx.method === 'OPTIONS' && ctx.get('access-control-request-method') !== '') {
            ctx.status = 204
            return
          }
          await next().catch((error: { headers?: object }) => {
            error.headers = { ...error.headers, ...allow }
            throw error
          })
        })
        app.use(popMiddleware(options)).use(echo)
      })
      const origin = ['Origin', 'https://app.example'] as const
      const asks = ['Access-Control-Request-Method', 'GET'] as const
      const preflight = await send(anonymous({ method: 'OPTIONS', headers: [origin, asks] }))
      expect([preflight.status, challengesOf(preflight)]).toEqual([204, []])
      const refused = await send(anonymous({ headers: [origin] }))
      expect([refused.status, challengesOf(refused).length]).toEqual([401, 2])
      expect(refused.headers).toContainEqual(['access-control-allow-origin', 'https://app.example'])
    },
  )

  test(
    'a response that is under way does not bring it down',
    { tags: ['attack-208'] },
    async () => {
      const send = await serve((app) => {
        app.silent = true
        app.use(async (ctx, next) => {
          ctx.res.writeHead(200, { 'content-length': 5 }).write('early')
          await next()
        })
        app.use(popMiddleware(options))
      })
      expect((await send(signed({ p: '/other' }))).status).toBe(200)
      expect((await send(signed({ p: '/other' }))).status).toBe(200)
    },
  )

  test(
    "with publicUrl 'request', believes one forwarded host, under proxy only",
    { tags: ['attack-49', 'attack-50', 'rule-location-request', 'rule-location-forwarded'] },
    async () => {
      const ask = async (proxy: boolean, host: string): Promise<number> => {
        const send = await serve((app) => {
          app.proxy = proxy
          app.use(popMiddleware({ ...options, publicUrl: 'request' })).use(echo)
        })
        const headers = [
          ['X-Forwarded-Host', host],
          ['X-Forwarded-Proto', 'https'],
        ] as const
        return (await send(signed({ u: 'public.example.com' }, { headers }))).status
      }
      expect(await ask(true, 'public.example.com')).toBe(200)
      expect(await ask(false, 'public.example.com')).toBe(401)
      expect(await ask(true, 'public.example.com, evil.example')).toBe(400)
      expect(await ask(true, 'evil.example@public.example.com')).toBe(400)
    },
  )

  test('a query credential leaves its rules on a refusal of a guard', async () => {
    const send = await serve((app) => {
      app.use(popMiddleware(options)).use(requireScopes('admin'))
    })
    const response = await send(inQuery())
    expect(response.status).toBe(403)
    expect(response.headers).toContainEqual(['cache-control', 'no-store'])
    expect(response.headers).toContainEqual(['referrer-policy', 'no-referrer'])
  })

  test(
    'guards in front of the middleware, or without it, refuse',
    { tags: ['attack-213', 'rule-guard-without-verifier'] },
    async () => {
      const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
      const early = await serve((app) => {
        app.use(requireScopes('read')).use(popMiddleware(options)).use(echo)
      })
      const response = await early(signed())
      expect([response.status, challengesOf(response)]).toEqual([401, ['PoP realm="oauth-pop"']])
      expect(warning.mock.calls.length).toBeLessThanOrEqual(1)
      warning.mockRestore()
    },
  )

  test('on HTTP/2, verifies requests and their bodies, and sets the challenge', async () => {
    const app = new Koa()
    app.use(popMiddleware(options)).use((ctx) => void (ctx.body = 'accepted'))
    const handle = app.callback()
    const server = createHttp2Server((request, response) => void handle(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(async () => server.close())
    const ask = async (b?: string): Promise<readonly unknown[]> => {
      const authorization = b && `PoP ${sign({ m: 'POST', b: hashOf(b) })}`
      const { status, headers } = await sendHttp2(
        addressOf(server).port,
        { ':method': 'POST', ...(authorization && { authorization }) },
        Buffer.from('body'),
      )
      return [status, headers['www-authenticate']?.split(' ')[0]]
    }
    expect(await ask('body')).toEqual([200, undefined])
    expect(await ask('other')).toEqual([401, 'PoP'])
    expect(await ask()).toEqual([401, 'PoP'])
  })

  test('wrong options fail when the middleware is made, and none are read from the environment', () => {
    expect(() => popMiddleware()).toThrow(/OAUTH_POP_PUBLIC_URL, OAUTH_POP_AUDIENCE/)
    expect(() => popMiddleware({ ...options, optinal: true } as never)).toThrow(/optinal/)
    expect(() => requireScopes()).toThrow(TypeError)
  })
})
