import { createServer } from 'node:http'
import {
  memoryReplayStore,
  type PopError,
  optionalAccessToken,
  popMiddleware,
  requireAnyScope,
  requireAuthentication,
  requireClaims,
  requireCoverage,
  requireScopes,
  type PopMiddlewareOptions,
  type ReplayStore,
} from '@oauth-pop/express'
import {
  addressOf,
  apiUrl,
  askFeedAndItems,
  challengesOf,
  createRequests,
  hashOf,
  listen,
  sendRaw,
  type RawRequest,
  type RawResponse,
} from '@oauth-pop/testkit'
import type { ErrorRequestHandler, Express, RequestHandler } from 'express'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { expressVersions } from './hosts.ts'

type ExpressModule = (typeof expressVersions)['Express 5']

describe.each(Object.entries(expressVersions))('popMiddleware on %s', (_name, express) => {
  const { tokens, signed, signedPost, form, anonymous } = createRequests()
  const options: PopMiddlewareOptions = { publicUrl: apiUrl, tokens }
  const closing: (() => Promise<void>)[] = []

  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()))
  })

  async function serve(
    build: (app: Express) => void,
  ): Promise<(request: RawRequest) => Promise<RawResponse>> {
    const app = express()
    app.set('env', 'test')
    build(app)
    const { port, close } = await listen(app)
    closing.push(close)
    return (request) => sendRaw(port, request)
  }

  const jsonPost = (text: string, claims?: Record<string, unknown>): RawRequest =>
    signedPost('application/json', text, claims)

  const echo = (app: Express): void => {
    app.use((request, response) => {
      response.json({
        body: (request.body as unknown) ?? null,
        subject: request.accessToken.subject,
      })
    })
  }

  test('before a parser, verifies the signed body and leaves it to the parser', async () => {
    const send = await serve((app) => {
      app.use(popMiddleware(options), express.json())
      echo(app)
    })
    const response = await send(jsonPost('{"a":1}', { b: hashOf('{"a":1}') }))
    expect(JSON.parse(response.body)).toEqual({ body: { a: 1 }, subject: 'alice' })
    expect((await send(jsonPost('{"a":2}', { b: hashOf('{"a":1}') }))).status).toBe(401)
  })

  test.each<[string, string, (express: ExpressModule) => RequestHandler, string]>([
    ['express.raw', 'application/octet-stream', (own) => own.raw(), '"data":[97,61,49]'],
    [
      'express.text',
      'text/plain',
      (own) => (own as ExpressModule & { text(): RequestHandler }).text(),
      '"a=1"',
    ],
    [
      'express.urlencoded',
      'application/x-www-form-urlencoded',
      (own) => own.urlencoded({ extended: false }),
      '{"a":"1"}',
    ],
  ])('before %s, leaves the verified body to it', async (_, type, parser, parsed) => {
    const send = await serve((app) => {
      app.use(popMiddleware(options), parser(express))
      echo(app)
    })
    const post = (b: string): RawRequest => signedPost(type, 'a=1', { b: hashOf(b) })
    const response = await send(post('a=1'))
    expect([response.status, response.body.includes(parsed)]).toEqual([200, true])
    expect((await send(post('a=2'))).status).toBe(401)
  })

  test('after an asynchronous middleware, still sees a body that has arrived long ago', async () => {
    const send = await serve((app) => {
      app.use((_request, _response, next) => void setTimeout(next, 30))
      app.use(popMiddleware(options), express.json({ limit: '2mb' }))
      echo(app)
    })
    const text = JSON.stringify({ a: 'x'.repeat(300_000) })
    const response = await send(jsonPost(text, { b: hashOf(text) }))
    expect(response.status).toBe(200)
    expect(JSON.parse(response.body)).toMatchObject({ body: JSON.parse(text) as object })
  })

  test(
    'after a parser, an unsigned body passes and a signed one is a wiring error, never a skip',
    {
      tags: [
        'attack-179',
        'shr-body-unreadable',
        'answer-wiring',
        'answer-no-challenge-for-outage',
      ],
    },
    async () => {
      const send = await serve((app) => {
        app.use(express.json(), popMiddleware(options))
        echo(app)
      })
      expect((await send(jsonPost('{"a":1}'))).status).toBe(200)
      const response = await send(jsonPost('{"a":1}', { b: hashOf('{"a":1}') }))
      expect(response.status).toBe(500)
      expect(challengesOf(response)).toEqual([])
    },
  )

  test.each([
    ['one value', (proof: string) => `pop_access_token=${proof}`, 200],
    ['two values', (proof: string) => `pop_access_token=${proof}&pop_access_token=${proof}`, 400],
    ['an object', (proof: string) => `pop_access_token[x]=${proof}`, 400],
    ['none', () => 'a=1', 401],
  ])('after a form parser, reads the field from the parsed form: %s', async (_, body, status) => {
    const send = await serve((app) => {
      app.use(express.urlencoded({ extended: true }), popMiddleware(options))
      echo(app)
    })
    expect((await send(form(body))).status).toBe(status)
  })

  test(
    'in routers mounted at two depths, compares the whole path',
    { tags: ['attack-46', 'shr-path-mounted'] },
    async () => {
      const send = await serve((app) => {
        const inner = express.Router().use(popMiddleware(options))
        inner.get(
          '/items',
          (request, response) => void response.json(request.accessToken.coverage.path),
        )
        app.use('/v1', express.Router().use('/shop', inner))
      })
      const target = '/v1/shop/items'
      expect((await send(signed({}, { target }))).status).toBe(200)
      expect((await send(signed({ p: '/items' }, { target }))).status).toBe(401)
    },
  )

  test(
    'behind a router that rewrites the URL, compares the one that arrived',
    { tags: ['rule-location-raw-target'] },
    async () => {
      const send = await serve((app) => {
        app.use((request, _response, next) => {
          request.url = '/rewritten'
          next()
        })
        app.use(popMiddleware(options))
        echo(app)
      })
      expect((await send(signed())).status).toBe(200)
    },
  )

  test('mounted twice, verifies once', { tags: ['rule-one-verification'] }, async () => {
    const store = memoryReplayStore()
    const claim = vi.fn<ReplayStore['claim']>((entry) => store.claim(entry))
    const send = await serve((app) => {
      const middleware = popMiddleware({ ...options, replay: { claim } })
      app.use(middleware)
      app.use('/items', express.Router().use(middleware))
      echo(app)
    })
    expect((await send(signed())).status).toBe(200)
    expect(claim).toHaveBeenCalledTimes(1)
  })

  test(
    'with CORS mounted first, answers a preflight and lets scripts read a refusal',
    { tags: ['attack-200', 'answer-cors'] },
    async () => {
      const send = await serve((app) => {
        app.use((request, response, next) => {
          response.set({
            'Access-Control-Allow-Origin': 'https://app.example',
            'Access-Control-Expose-Headers': 'WWW-Authenticate, DPoP-Nonce',
          })
          const asks = request.get('access-control-request-method') !== undefined
          if (request.method === 'OPTIONS' && asks) response.sendStatus(204)
          else next()
        })
        app.use(popMiddleware(options))
        echo(app)
      })
      const origin = ['Origin', 'https://app.example'] as const
      const asks = ['Access-Control-Request-Method', 'GET'] as const
      const preflight = await send(anonymous({ method: 'OPTIONS', headers: [origin, asks] }))
      expect([preflight.status, challengesOf(preflight)]).toEqual([204, []])
      const refused = await send(anonymous({ headers: [origin] }))
      expect(refused.status).toBe(401)
      expect(refused.headers).toContainEqual(['access-control-allow-origin', 'https://app.example'])
      expect(refused.headers).toContainEqual([
        'access-control-expose-headers',
        'WWW-Authenticate, DPoP-Nonce',
      ])
    },
  )

  test(
    'the answer of the default error handler shows no stack',
    { tags: ['attack-204', 'answer-no-detail'] },
    async () => {
      const send = await serve((app) => {
        app.use(popMiddleware(options))
        echo(app)
      })
      const { body } = await send(signed({ p: '/other' }))
      expect(body).not.toMatch(/node_modules|\.ts|\bat /)
    },
  )

  test(
    'a request that the parser of Node refuses never arrives',
    { tags: ['attack-27'] },
    async () => {
      const handled = vi.fn<() => void>()
      const send = await serve((app) => {
        app.use((_request, response) => {
          handled()
          response.end()
        })
      })
      const headers: RawRequest['headers'] = [
        ['Host', 'api.example.com'],
        ['Authorization', `PoP ${'A'.repeat(17_000)}`],
      ]
      expect((await send({ method: 'GET', target: '/items', headers })).status).toBe(431)
      expect(handled).not.toHaveBeenCalled()
    },
  )

  test(
    'without options, reads the environment, and says what is missing there',
    { tags: ['rule-environment-missing'] },
    () => {
      expect(() => popMiddleware()).toThrow(/OAUTH_POP_PUBLIC_URL, OAUTH_POP_AUDIENCE/)
    },
  )

  describe('optional on one route', { tags: ['rule-optional-route'] }, () => {
    const answer: RequestHandler = (request, response) => {
      response.json({ subject: optionalAccessToken(request)?.subject ?? null })
    }
    const optional = { optional: true } as const

    test('ahead of the rest, opens that route only', async () => {
      const send = await serve((app) => {
        app.get('/feed', popMiddleware({ ...options, ...optional }), answer)
        app.use(popMiddleware(options), answer)
      })
      const answers = await askFeedAndItems(send, { signed, anonymous })
      expect(answers).toEqual([200, 401, 200, 401, 401, 200])
    })

    test('does not open it when the mount for all comes first', async () => {
      const send = await serve((app) => {
        app.use(popMiddleware(options))
        app.get('/feed', popMiddleware({ ...options, ...optional }), answer)
      })
      expect((await send(anonymous({ target: '/feed' }))).status).toBe(401)
      expect((await send(signed({}, { target: '/feed' }))).status).toBe(200)
    })

    test('does not open what follows it', async () => {
      const send = await serve((app) => {
        app.use(popMiddleware({ ...options, ...optional }))
        app.use(popMiddleware(options), answer)
      })
      expect([(await send(anonymous())).status, (await send(signed())).status]).toEqual([401, 200])
    })

    test('shares the replay store with the mount for all', async () => {
      const open = await serve((app) => {
        app.use(popMiddleware({ ...options, ...optional }), answer)
      })
      const closed = await serve((app) => {
        app.use(popMiddleware(options), answer)
      })
      const proof = signed()
      expect([(await open(proof)).status, (await closed(proof)).status]).toEqual([200, 401])
    })
  })

  test(
    'two verifiers on one request are a configuration error',
    { tags: ['rule-two-verifiers'] },
    async () => {
      const send = await serve((app) => {
        app.use(popMiddleware(options), popMiddleware({ ...options, realm: 'other' }))
        echo(app)
      })
      expect((await send(signed())).status).toBe(500)
    },
  )

  test(
    'a custom error handler that only sets a status keeps challenge and cache rule',
    { tags: ['answer-error-handler', 'answer-no-store'] },
    async () => {
      const onlyStatus: ErrorRequestHandler = (_error, _request, response, _next) => {
        response.status(401).end()
      }
      const send = await serve((app) => {
        app.use(popMiddleware(options))
        app.use(onlyStatus)
      })
      const response = await send(signed({ p: '/other' }))
      expect(challengesOf(response)).toEqual([
        'PoP realm="api.example.com", error="invalid_token", error_description="The proof was made for another path"',
      ])
      expect(response.headers).toContainEqual(['cache-control', 'no-store'])
    },
  )

  test('headers that are already sent do not bring it down', { tags: ['attack-208'] }, async () => {
    const send = await serve((app) => {
      app.use((_request, response, next) => {
        response.write('early')
        next()
        response.end()
      })
      app.use(popMiddleware(options))
      app.use(((_error, _request, _response, _next) => {}) as ErrorRequestHandler)
    })
    expect((await send(signed({ p: '/other' }))).status).toBe(200)
  })

  test(
    'nor does a request for the metadata when they are',
    { tags: ['attack-208', 'metadata-served'] },
    async () => {
      const unhandled = vi.fn<(reason: unknown) => void>()
      process.on('unhandledRejection', unhandled)
      const send = await serve((app) => {
        app.use((_request, response, next) => {
          response.write('early')
          next()
          response.end()
        })
        app.use(
          popMiddleware({ ...options, metadata: { authorizationServers: 'https://as.example' } }),
        )
        app.use(((_error, _request, _response, _next) => {}) as ErrorRequestHandler)
      })
      const response = await send(anonymous({ target: '/.well-known/oauth-protected-resource' }))
      await new Promise(setImmediate)
      process.off('unhandledRejection', unhandled)
      expect([response.status, unhandled.mock.calls]).toEqual([200, []])
    },
  )

  test(
    'a token source that rejects is answered with 503 and leaves no unhandled rejection',
    { tags: ['attack-203'] },
    async () => {
      const unhandled = vi.fn<(reason: unknown) => void>()
      process.on('unhandledRejection', unhandled)
      const send = await serve((app) => {
        app.use(
          popMiddleware({
            ...options,
            tokens: { resolve: () => Promise.reject(new Error('down')) },
          }),
        )
      })
      const response = await send(signed())
      await new Promise(setImmediate)
      process.off('unhandledRejection', unhandled)
      expect([response.status, unhandled.mock.calls]).toEqual([503, []])
    },
  )

  test(
    "with publicUrl 'request', believes a forwarded host only under trust proxy",
    { tags: ['attack-49', 'rule-location-request', 'rule-location-forwarded'] },
    async () => {
      const forwarded: RawRequest['headers'] = [
        ['X-Forwarded-Host', 'public.example.com'],
        ['X-Forwarded-Proto', 'https'],
      ]
      const ask = async (trust: boolean): Promise<number> => {
        const send = await serve((app) => {
          app.set('trust proxy', trust)
          app.use(popMiddleware({ ...options, publicUrl: 'request' }))
          echo(app)
        })
        return (await send(signed({ u: 'public.example.com' }, { headers: forwarded }))).status
      }
      expect([await ask(true), await ask(false)]).toEqual([200, 401])
    },
  )

  test(
    "with publicUrl 'request', refuses a list of forwarded hosts",
    { tags: ['attack-50'] },
    async () => {
      const send = await serve((app) => {
        app.set('trust proxy', true)
        app.use(popMiddleware({ ...options, publicUrl: 'request' }))
        echo(app)
      })
      const headers: RawRequest['headers'] = [
        ['X-Forwarded-Host', 'api.example.com, evil.example'],
        ['X-Forwarded-Proto', 'https'],
      ]
      expect((await send(signed({}, { headers }))).status).toBe(400)
    },
  )

  test('refuses a request of which Node may have cut header lines', async () => {
    const app = express()
    app.use(popMiddleware(options))
    echo(app)
    const answer: ErrorRequestHandler = (error: PopError, _request, response, _next) => {
      response.status(error.status).send(error.code)
    }
    app.use(answer)
    const server = createServer(app)
    server.maxHeadersCount = 20
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(async () => void server.close())
    // Host and Authorization come first, so that what is cut is none of ours.
    const ask = async (lines: number): Promise<readonly unknown[]> => {
      const headers = Array.from({ length: lines - 2 }, (_, index) => [`X-${index}`, ''] as const)
      const { status, body } = await sendRaw(addressOf(server).port, signed({}, { headers }))
      return [status, status === 200 ? '' : body]
    }
    // Newer versions of Node refuse it by themselves and cut nothing.
    expect([
      [400, 'ERR_POP_HEADERS_CUT'],
      [431, ''],
    ]).toContainEqual(await ask(25))
    expect(await ask(20)).toEqual([400, 'ERR_POP_HEADERS_CUT'])
    expect(await ask(19)).toEqual([200, ''])
  })

  describe('guards', () => {
    test(
      'in front of the middleware, a guard refuses what it cannot know',
      { tags: ['attack-213', 'rule-guard-without-verifier'] },
      async () => {
        const send = await serve((app) => {
          app.use(requireScopes('read'), popMiddleware(options))
          echo(app)
        })
        expect((await send(signed())).status).toBe(401)
      },
    )

    test('several in a row must all hold', { tags: ['rule-guard-scopes'] }, async () => {
      const send = await serve((app) => {
        app.use(popMiddleware(options), requireScopes('read'))
        app.use('/items', requireScopes('admin'))
        echo(app)
      })
      expect((await send(signed())).status).toBe(403)
      expect((await send(signed({}, { target: '/other' }))).status).toBe(200)
    })

    test(
      'a refusal of a guard is not cached, and a custom error handler keeps its challenge',
      { tags: ['answer-no-store', 'answer-error-handler'] },
      async () => {
        const send = await serve((app) => {
          app.use(popMiddleware(options), requireScopes('admin'))
          app.use(((_error, _request, response, _next) => {
            response.status(403).json({ mine: true })
          }) as ErrorRequestHandler)
        })
        const response = await send(signed())
        expect([response.status, response.body]).toEqual([403, '{"mine":true}'])
        expect(challengesOf(response)[0]).toMatch(/^PoP realm=.*error="insufficient_scope"/)
        expect(response.headers).toContainEqual(['cache-control', 'no-store'])
      },
    )

    test(
      'without the middleware a guard refuses, and says so to the operator once',
      { tags: ['attack-213', 'rule-guard-without-verifier'] },
      async () => {
        const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
        const send = await serve((app) => {
          app.use(requireScopes('read'))
          echo(app)
        })
        const response = await send(signed())
        await send(signed())
        expect([response.status, challengesOf(response)]).toEqual([401, ['PoP realm="oauth-pop"']])
        expect(warning.mock.calls.length).toBeLessThanOrEqual(1)
        warning.mockRestore()
      },
    )

    test('nothing to require is a mistake at start-up', { tags: ['rule-guard-empty'] }, () => {
      expect(() => requireScopes()).toThrow(TypeError)
      expect(() => requireAnyScope()).toThrow(TypeError)
      expect(() => requireCoverage({})).toThrow(TypeError)
      expect(() => requireScopes('two words')).toThrow(TypeError)
      expect(() => requireClaims(undefined as never)).toThrow(TypeError)
      expect(() => requireAuthentication({})).toThrow(TypeError)
    })
  })
})
