import diagnostics from 'node:diagnostics_channel'
import { Readable, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import {
  addressOf,
  apiUrl,
  askFeedAndItems,
  challengesOf,
  createRequests,
  hashOf,
  sendHttp2,
  sendRaw,
  type RawRequest,
  type RawResponse,
} from '@oauth-pop/testkit'
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  type RouteShorthandOptions,
} from 'fastify'
import { afterEach, describe, expect, test, vi } from 'vitest'
import oauthPop, {
  dpop,
  optionalAccessToken,
  PopError,
  popPlugin,
  requireAnyScope,
  requireAuthentication,
  requireCoverage,
  requireScopes,
  storedTokens,
  type PopPluginOptions,
  type RefusedEvent,
} from '@oauth-pop/fastify'

const { tokens, sign, signed, signedPost, form, inQuery, anonymous } = createRequests()
const options: PopPluginOptions = { publicUrl: apiUrl, tokens }
const closing: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

type Send = (request: RawRequest) => Promise<RawResponse>

async function serve(
  build: (app: FastifyInstance) => unknown,
  settings: FastifyServerOptions = {},
): Promise<Send> {
  const app = fastify({ forceCloseConnections: true, ...settings })
  await build(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  closing.push(() => app.close())
  const { port } = addressOf(app.server)
  return (request) => sendRaw(port, request)
}

const echo = (request: FastifyRequest): object => ({
  body: request.body ?? null,
  subject: request.accessToken?.subject ?? null,
})

/** Forms as Fastify's own plugin parses them: a parameter that repeats is a list. */
function parseForms(app: FastifyInstance): void {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  )
}

const jsonPost = (text: string, claims?: Record<string, unknown>): RawRequest =>
  signedPost('application/json', text, claims)

describe('popPlugin', () => {
  test('is the default export', () => {
    expect(oauthPop).toBe(popPlugin)
  })

  test('ahead of the parser, verifies the signed body and leaves it to the parser', async () => {
    const parse = vi.fn<(text: string) => unknown>(JSON.parse)
    const send = await serve(async (app) => {
      await app.register(oauthPop, options)
      app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) =>
        done(null, parse(String(body))),
      )
      app.post('/items', echo)
    })
    const accepted = await send(jsonPost('{"a":1}', { b: hashOf('{"a":1}') }))
    expect(JSON.parse(accepted.body)).toEqual({ body: { a: 1 }, subject: 'alice' })
    expect((await send(jsonPost('{"a":2}', { b: hashOf('{"a":1}') }))).status).toBe(401)
    expect(parse).toHaveBeenCalledTimes(1)
  })

  test('ahead of a form parser, takes the proof out of the form and leaves the form to it', async () => {
    const send = await serve(async (app) => {
      await app.register(oauthPop, options)
      parseForms(app)
      app.post('/items', echo)
    })
    const accepted = await send(form((proof) => `a=1&pop_access_token=${proof}`))
    expect(JSON.parse(accepted.body)).toMatchObject({ body: { a: '1' }, subject: 'alice' })
    expect((await send(form(() => 'a=1'))).status).toBe(401)
  })

  test('without a parser for the type, refuses the thief and lets Fastify refuse the rest', async () => {
    const send = await serve(async (app) => {
      await app.register(oauthPop, options)
      app.post('/items', echo)
    })
    const post = (b: string): RawRequest => signedPost('text/csv', 'a;b', { b: hashOf(b) })
    expect((await send(post('a;c'))).status).toBe(401)
    expect((await send(post('a;b'))).status).toBe(415)
  })

  test(
    'behind a hook that has read the body, a signed one is a wiring error, never a skip',
    {
      tags: [
        'attack-179',
        'shr-body-unreadable',
        'answer-wiring',
        'answer-no-challenge-for-outage',
      ],
    },
    async () => {
      const send = await serve(async (app) => {
        let body: Buffer
        app.addHook('onRequest', async ({ raw }) => {
          body = await buffer(raw)
        })
        app.addHook('preParsing', async () =>
          Object.assign(Readable.from([body]), { receivedEncodedLength: body.length }),
        )
        await app.register(oauthPop, options)
        app.post('/items', echo)
      })
      expect((await send(jsonPost('{"a":1}'))).status).toBe(200)
      const response = await send(jsonPost('{"a":1}', { b: hashOf('{"a":1}') }))
      expect([response.status, challengesOf(response)]).toEqual([500, []])
    },
  )

  test('protects every route of its scope, in any order, and what has no route', async () => {
    const send = await serve(async (app) => {
      app.get('/before', echo)
      await app.register(oauthPop, options)
      app.get('/after', echo)
    })
    for (const target of ['/before', '/after', '/nowhere']) {
      expect((await send(anonymous({ target }))).status).toBe(401)
    }
    expect((await send(signed({}, { target: '/before' }))).status).toBe(200)
    expect((await send(signed({}, { target: '/nowhere' }))).status).toBe(404)
  })

  test('protects HEAD beside GET', async () => {
    const send = await serve(async (app) => {
      await app.register(oauthPop, options)
      app.get('/items', echo)
    })
    expect((await send(anonymous({ method: 'HEAD' }))).status).toBe(401)
    expect((await send(signed({}, { method: 'HEAD' }))).status).toBe(200)
  })

  test(
    'leaves a route alone that says so, and no other',
    { tags: ['rule-exempt-exactly'] },
    async () => {
      const send = await serve(async (app) => {
        await app.register(oauthPop, options)
        app.get('/public', { config: { pop: false } }, echo)
        app.get('/odd', { config: { pop: true } }, echo)
      })
      const open = await send(anonymous({ target: '/public' }))
      expect([open.status, JSON.parse(open.body)]).toEqual([200, { body: null, subject: null }])
      expect((await send(signed({ p: '/other' }, { target: '/public' }))).status).toBe(200)
      expect((await send(anonymous({ target: '/odd' }))).status).toBe(401)
    },
  )

  test(
    'in prefixes at two depths, compares the whole path and protects only its scope',
    { tags: ['attack-46', 'shr-path-mounted'] },
    async () => {
      const send = await serve(async (app) => {
        app.get('/v1/open', echo)
        await app.register(
          async (v1) => {
            await v1.register(
              async (shop) => {
                await shop.register(oauthPop, options)
                shop.get('/items', echo)
              },
              { prefix: '/shop' },
            )
          },
          { prefix: '/v1' },
        )
      })
      const target = '/v1/shop/items'
      expect((await send(signed({}, { target }))).status).toBe(200)
      expect((await send(signed({ p: '/items' }, { target }))).status).toBe(401)
      expect((await send(anonymous({ target }))).status).toBe(401)
      expect((await send(anonymous({ target: '/v1/open' }))).status).toBe(200)
    },
  )

  test('under rewriteUrl, compares the target that arrived', async () => {
    const send = await serve(
      async (app) => {
        await app.register(oauthPop, options)
        app.get('/rewritten', echo)
      },
      { rewriteUrl: () => '/rewritten' },
    )
    expect((await send(signed())).status).toBe(200)
    expect((await send(signed({ p: '/rewritten' }))).status).toBe(401)
  })

  test(
    'however generous the router, no spelling of a path goes round it',
    { tags: ['attack-54'] },
    async () => {
      const send = await serve(
        async (app) => {
          await app.register(oauthPop, options)
          app.get('/admin', echo)
        },
        {
          routerOptions: {
            caseSensitive: false,
            ignoreDuplicateSlashes: true,
            ignoreTrailingSlash: true,
          },
          useSemicolonDelimiter: true,
        },
      )
      for (const target of ['/ADMIN', '//admin', '/%61dmin', '/admin;x', '/admin/']) {
        expect((await send(anonymous({ target }))).status).toBe(401)
        expect((await send(signed({ p: '/other' }, { target }))).status).toBe(401)
      }
      expect((await send(signed({}, { target: '/ADMIN' }))).status).toBe(200)
    },
  )

  test(
    'with CORS in onRequest, answers a preflight and lets scripts read a refusal',
    { tags: ['attack-200', 'answer-cors'] },
    async () => {
      const send = await serve(async (app) => {
        app.addHook('onRequest', async (request, reply) => {
          reply.header('access-control-allow-origin', 'https://app.example')
          reply.header('access-control-expose-headers', 'WWW-Authenticate')
          const asks = request.headers['access-control-request-method'] !== undefined
          if (request.method === 'OPTIONS' && asks) return reply.code(204).send()
        })
        await app.register(oauthPop, options)
        app.get('/items', echo)
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

  test.each<[string, (error: Error & { headers?: object }, reply: FastifyReply) => FastifyReply]>([
    ['only sets a status', (_error, reply) => reply.code(401).send()],
    ['answers with JSON', (error, reply) => reply.code(401).send(error)],
    [
      'copies the headers of the error one by one',
      (error, reply) => {
        for (const [name, value] of Object.entries(error.headers ?? {})) reply.header(name, value)
        return reply.code(401).send({ mine: true })
      },
    ],
  ])(
    'an error handler that %s keeps every challenge',
    { tags: ['attack-206', 'answer-error-handler'] },
    async (_, answer) => {
      const send = await serve(async (app) => {
        app.setErrorHandler((error: Error, _request, reply) => answer(error, reply))
        await app.register(oauthPop, options)
        app.get('/items', echo)
      })
      const response = await send(anonymous())
      expect([response.status, challengesOf(response).map((line) => line.split(' ')[0])]).toEqual([
        401,
        ['PoP', 'DPoP'],
      ])
      expect(response.headers).toContainEqual(['cache-control', 'no-store'])
    },
  )

  test('an error handler gets a PopError', async () => {
    const seen = vi.fn<(error: unknown) => void>()
    const send = await serve(async (app) => {
      app.setErrorHandler((error, _request, reply) => {
        seen(error)
        return reply.code(401).send()
      })
      await app.register(oauthPop, options)
    })
    await send(anonymous())
    expect(seen.mock.lastCall?.[0]).toBeInstanceOf(PopError)
  })

  test(
    'a response that is under way does not bring it down',
    { tags: ['attack-208'] },
    async () => {
      const send = await serve(async (app) => {
        app.addHook('onRequest', async (_request, reply) => {
          reply.raw.writeHead(200, { 'content-length': 5 }).write('early')
        })
        await app.register(oauthPop, options)
        app.get('/items', echo)
      })
      expect((await send(signed({ p: '/other' }))).status).toBe(200)
      expect((await send(signed({ p: '/other' }))).status).toBe(200)
    },
  )

  test('logs neither a proof nor a token', { tags: ['rule-event-secrets'] }, async () => {
    let log = ''
    const stream = new Writable({
      write(chunk, _encoding, done) {
        log += String(chunk)
        done()
      },
    })
    const send = await serve(
      async (app) => {
        await app.register(oauthPop, options)
        app.get('/items', echo)
      },
      { logger: { stream, level: 'trace' } },
    )
    const requests = [signed(), signed({ p: '/other' })]
    for (const request of requests) await send(request)
    expect(log).toContain('ERR_POP_PATH_MISMATCH')
    expect(log).not.toMatch(/eyJ/)
  })

  test(
    "with publicUrl 'request', believes one forwarded host, under trustProxy only",
    { tags: ['attack-49', 'attack-50', 'rule-location-request', 'rule-location-forwarded'] },
    async () => {
      const ask = async (trustProxy: boolean, host: string): Promise<number> => {
        const send = await serve(
          async (app) => {
            await app.register(oauthPop, { ...options, publicUrl: 'request' })
            app.get('/items', echo)
          },
          { trustProxy },
        )
        const headers = [
          ['X-Forwarded-Host', host],
          ['X-Forwarded-Proto', 'https'],
        ] as const
        return (await send(signed({ u: 'public.example.com' }, { headers }))).status
      }
      expect(await ask(true, 'public.example.com')).toBe(200)
      expect(await ask(false, 'public.example.com')).toBe(401)
      expect(await ask(true, 'evil.example, public.example.com')).toBe(400)
    },
  )

  test('answers injected requests, with their bodies', async () => {
    const app = fastify()
    await app.register(oauthPop, options)
    app.post('/items', echo)
    const inject = (payload: string): Promise<{ statusCode: number }> =>
      app.inject({
        method: 'POST',
        url: '/items',
        headers: {
          host: 'api.example.com',
          'content-type': 'application/json',
          authorization: `PoP ${sign({ m: 'POST', b: hashOf('{"a":1}') })}`,
        },
        payload,
      })
    expect((await inject('{"a":1}')).statusCode).toBe(200)
    expect((await inject('{"a":2}')).statusCode).toBe(401)
  })

  test('on HTTP/2, verifies requests and their bodies, and sets the challenge', async () => {
    const app = fastify({ http2: true })
    await app.register(oauthPop, options)
    app.post('/items', { preHandler: requireCoverage({ body: true }) }, () => 'accepted')
    await app.listen({ port: 0, host: '127.0.0.1' })
    closing.push(() => app.close())
    const ask = async (authorization?: string): Promise<readonly unknown[]> => {
      const { status, headers } = await sendHttp2(
        addressOf(app.server).port,
        {
          ':method': 'POST',
          'content-type': 'text/plain',
          ...(authorization && { authorization }),
        },
        Buffer.from('body'),
      )
      return [status, headers['www-authenticate']?.split(' ')[0]]
    }
    expect(await ask(`PoP ${sign({ m: 'POST', b: hashOf('body') })}`)).toEqual([200, undefined])
    expect(await ask(`PoP ${sign({ m: 'POST', b: hashOf('other') })}`)).toEqual([401, 'PoP'])
    expect(await ask(`PoP ${sign({ m: 'POST' })}`)).toEqual([401, 'PoP'])
    expect(await ask()).toEqual([401, 'PoP'])
  })

  test(
    'on HTTP/2, no spelling of Host makes it believe a forwarded host without trustProxy',
    { tags: ['attack-49', 'rule-location-request', 'rule-location-forwarded'] },
    async () => {
      const ask = async (trustProxy: boolean, host: string): Promise<number> => {
        const app = fastify({ http2: true, trustProxy })
        await app.register(oauthPop, { ...options, publicUrl: 'request' })
        app.get('/items', () => 'accepted')
        await app.listen({ port: 0, host: '127.0.0.1' })
        closing.push(() => app.close())
        const { status } = await sendHttp2(addressOf(app.server).port, {
          host,
          'x-forwarded-host': 'public.example.com',
          authorization: `PoP ${sign({ u: 'public.example.com' })}`,
        })
        return status
      }
      for (const host of ['api.example.com', 'API.example.com', 'Api.Example.Com']) {
        expect(await ask(false, host)).toBe(401)
      }
      expect(await ask(true, 'api.example.com')).toBe(200)
    },
  )

  test.each<[string, string[], (reply: FastifyReply) => unknown]>([
    [
      'reply.header replaces ours',
      ['Basic'],
      (reply) => reply.header('WWW-Authenticate', 'Basic realm="api"'),
    ],
    [
      'reply.raw.appendHeader adds to ours',
      ['PoP', 'DPoP', 'Basic'],
      (reply) => reply.raw.appendHeader('WWW-Authenticate', 'Basic realm="api"'),
    ],
  ])('a challenge of the application: %s', async (_, schemes, challenge) => {
    const send = await serve(async (app) => {
      app.setErrorHandler((_error, _request, reply) => {
        challenge(reply)
        return reply.code(401).send()
      })
      await app.register(oauthPop, options)
    })
    const { headers } = await send(anonymous())
    const lines = headers.filter(([name]) => name === 'www-authenticate')
    expect(lines.map(([, value]) => value.split(' ')[0])).toEqual(schemes)
  })

  test(
    'without options, reads the environment, and says what is missing there',
    { tags: ['rule-environment-missing'] },
    async () => {
      const register = (): Promise<unknown> => serve((app) => app.register(oauthPop))
      await expect(register()).rejects.toThrow(/OAUTH_POP_PUBLIC_URL, OAUTH_POP_AUDIENCE/)
      vi.stubEnv('OAUTH_POP_PUBLIC_URL', apiUrl)
      vi.stubEnv('OAUTH_POP_AUDIENCE', apiUrl)
      vi.stubEnv('OAUTH_POP_ISSUER', 'https://as.example.com')
      await expect(register()).resolves.toBeTypeOf('function')
      vi.unstubAllEnvs()
    },
  )

  test('wrong options and a second plugin fail when the application starts', async () => {
    const misspelled = { ...options, optinal: true }
    await expect(serve((app) => app.register(oauthPop, misspelled))).rejects.toThrow(/optinal/)
    await expect(
      serve(async (app) => {
        await app.register(oauthPop, options)
        await app.register(oauthPop, options)
      }),
    ).rejects.toThrow(/accessToken/)
  })
})

describe('the evidence of a refusal in the log of pino, as `err`', () => {
  async function logOf(
    own: Partial<PopPluginOptions>,
    request: RawRequest,
  ): Promise<Record<string, unknown> | undefined> {
    const stream = new Writable({
      write(chunk, _encoding, done) {
        lines.push(JSON.parse(String(chunk)) as Record<string, unknown>)
        done()
      },
    })
    const lines: Record<string, unknown>[] = []
    const stopped: (() => void)[] = []
    const send = await serve(
      async (app) => {
        const log = (message: unknown): void => {
          const { code, cause } = message as RefusedEvent
          app.log.warn({ code, err: cause }, 'refused')
        }
        diagnostics.subscribe('oauth-pop:refused', log)
        stopped.push(() => void diagnostics.unsubscribe('oauth-pop:refused', log))
        await app.register(oauthPop, { ...options, ...own })
        app.get('/items', echo)
      },
      { logger: { stream } },
    )
    await send(request)
    stopped.forEach((stop) => stop())
    return lines.find(({ msg }) => msg === 'refused')
  }

  test('is there whole when it is a comparison', async () => {
    expect(await logOf({}, signed({ p: '/other' }))).toMatchObject({
      code: 'ERR_POP_PATH_MISMATCH',
      err: { member: 'p', expected: '/items', actual: '/other' },
    })
  })

  test('has message, code and stack of the error of a dependency', async () => {
    const refused = Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' })
    const lookup = (): never => {
      throw new TypeError('fetch failed', { cause: refused })
    }
    expect(
      await logOf({ tokens: storedTokens(lookup, { audience: apiUrl }) }, signed()),
    ).toMatchObject({
      code: 'ERR_POP_TOKEN_SOURCE_UNAVAILABLE',
      err: {
        message: expect.stringContaining('fetch failed: ECONNREFUSED connect failed') as string,
        code: 'ECONNREFUSED',
        stack: expect.stringContaining('TypeError: fetch failed') as string,
      },
    })
  })
})

describe('guards', () => {
  test('stand alone or in an array, on a route or on a scope', async () => {
    const send = await serve(async (app) => {
      await app.register(oauthPop, options)
      app.get('/alone', { preHandler: requireScopes('read') }, echo)
      app.get('/array', { preHandler: [requireScopes('read'), requireAnyScope('admin')] }, echo)
      await app.register(async (scope) => {
        scope.addHook('preHandler', requireScopes('owner'))
        scope.get('/scope', echo)
      })
    })
    const ask = async (target: string): Promise<number> =>
      (await send(signed({}, { target }))).status
    expect([await ask('/alone'), await ask('/array'), await ask('/scope')]).toEqual([200, 403, 403])
  })

  describe('that no enabled scheme can satisfy', { tags: ['rule-guard-satisfiable'] }, () => {
    const withoutPop = { ...options, schemes: [dpop()] }
    const impossible = requireCoverage({ body: true })
    const line = 'write schemes: [dpop(), pop()]'

    test.each<[string, RouteShorthandOptions]>([
      ['preHandler', { preHandler: impossible }],
      ['a list', { preHandler: [requireScopes('read'), impossible] }],
      ['preValidation', { preValidation: impossible }],
      ['preParsing', { preParsing: [async (_request, _reply, body) => body, impossible as never] }],
      ['onRequest', { onRequest: [impossible] }],
    ])('are refused when the route is added: %s', async (_, route) => {
      const start = serve(async (app) => {
        await app.register(oauthPop, withoutPop)
        app.post('/items', route, echo)
      })
      await expect(start).rejects.toThrow(`POST /items: requireCoverage body can never be`)
    })

    test('are refused in a scope below, when the application is made ready', async () => {
      const start = serve(async (app) => {
        await app.register(oauthPop, withoutPop)
        app.register(async (scope) => {
          scope.post('/items', { preHandler: impossible }, echo)
        })
      })
      await expect(start).rejects.toThrow(line)
    })

    test('answer every request where no route shows them', async () => {
      const send = await serve(async (app) => {
        await app.register(oauthPop, { ...withoutPop, optional: true })
        app.addHook('preHandler', impossible)
        app.get('/items', echo)
      })
      expect((await send(anonymous())).status).toBe(500)
    })

    test('are left alone where a route is exempt, and where another scope has no such plugin', async () => {
      const send = await serve(async (app) => {
        app.register(async (scope) => {
          await scope.register(oauthPop, withoutPop)
          scope.get('/open', { config: { pop: false }, preHandler: impossible }, echo)
        })
        app.register(async (scope) => {
          await scope.register(oauthPop, options)
          scope.get('/items', { preHandler: requireCoverage({ query: true }) }, echo)
        })
      })
      expect((await send(signed())).status).toBe(200)
    })
  })

  test('on an exempt route they refuse, because nothing was verified', async () => {
    const send = await serve(async (app) => {
      await app.register(oauthPop, options)
      app.get('/items', { config: { pop: false }, preHandler: requireScopes('read') }, echo)
    })
    expect((await send(signed())).status).toBe(401)
  })

  test('without the plugin they refuse', { tags: ['attack-213'] }, async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const send = await serve((app) => {
      app.get('/items', { preHandler: requireScopes('read') }, echo)
    })
    const response = await send(signed())
    expect([response.status, challengesOf(response)]).toEqual([401, ['PoP realm="oauth-pop"']])
    expect(warning.mock.calls.length).toBeLessThanOrEqual(1)
    warning.mockRestore()
  })

  test('a query credential leaves its rules on a refusal of a guard', async () => {
    const send = await serve(async (app) => {
      await app.register(oauthPop, options)
      app.get('/items', { preHandler: requireScopes('admin') }, echo)
    })
    const response = await send(inQuery())
    expect(response.status).toBe(403)
    expect(response.headers).toContainEqual(['cache-control', 'no-store'])
    expect(response.headers).toContainEqual(['referrer-policy', 'no-referrer'])
  })

  test('nothing to require is a mistake at start-up', { tags: ['rule-guard-empty'] }, () => {
    expect(() => requireScopes()).toThrow(TypeError)
    expect(() => requireAnyScope()).toThrow(TypeError)
    expect(() => requireCoverage({})).toThrow(TypeError)
    expect(() => requireAuthentication({})).toThrow(TypeError)
  })
})

describe('optional on one route', { tags: ['rule-optional-route'] }, () => {
  const answer = (request: FastifyRequest): object => ({
    subject: optionalAccessToken(request)?.subject ?? null,
  })

  test('opens that route only', async () => {
    const send = await serve(async (app) => {
      await app.register(oauthPop, options)
      app.get('/feed', { config: { pop: { optional: true } } }, answer)
      app.get('/closed', { config: { pop: { optional: false } } }, answer)
      app.get('/items', answer)
    })
    const answers = await askFeedAndItems(send, { signed, anonymous })
    expect(answers).toEqual([200, 401, 200, 401, 401, 200])
    expect((await send(anonymous({ target: '/closed' }))).status).toBe(401)
  })

  test('closes one where all others are open', async () => {
    const send = await serve(async (app) => {
      await app.register(oauthPop, { ...options, optional: true })
      app.get('/closed', { config: { pop: { optional: false } } }, answer)
      app.get('/items', answer)
    })
    expect((await send(anonymous({ target: '/closed' }))).status).toBe(401)
    expect((await send(anonymous())).status).toBe(200)
  })

  test('a guard on it refuses a request without a token', async () => {
    const send = await serve(async (app) => {
      await app.register(oauthPop, options)
      const config = { pop: { optional: true } }
      app.get('/feed', { config, preHandler: requireScopes('read') }, answer)
    })
    expect((await send(anonymous({ target: '/feed' }))).status).toBe(401)
  })

  test.each([['optional'], [{ optinal: true }], [{ optional: 'true' }], [0], [null]])(
    'the value %j is refused at start-up',
    async (pop) => {
      const app = fastify()
      closing.push(() => app.close())
      await app.register(oauthPop, options)
      expect(() => app.get('/feed', { config: { pop: pop as never } }, answer)).toThrow(
        'config.pop of a route must be false, or { optional: true }',
      )
    },
  )
})
