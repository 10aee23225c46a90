import 'reflect-metadata'
import { once } from 'node:events'
import { connect } from 'node:net'
import {
  Body,
  Catch,
  Controller,
  Get,
  HttpException,
  Module,
  Next,
  Post,
  Req,
  UseGuards,
  type ArgumentsHost,
  type ExceptionFilter,
  type INestApplication,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common'
import { APP_GUARD, HttpAdapterHost, NestFactory } from '@nestjs/core'
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js'
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { Test } from '@nestjs/testing'
import {
  addressOf,
  apiUrl,
  challengesOf,
  createRequests,
  encodeRequest,
  hashOf,
  sendHttp2,
  sendRaw,
  watchRefusals,
  type RawRequest,
  type RawResponse,
} from '@oauth-pop/testkit'
import { firstValueFrom } from 'rxjs'
import supertest from 'supertest'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  AccessToken,
  AllowUnverified,
  dpop,
  memoryReplayStore,
  OptionalPoP,
  PopError,
  PopGuard,
  PopModule,
  RequireAnyScope,
  RequireAuthentication,
  RequireClaims,
  RequireCoverage,
  RequireScheme,
  RequireScopes,
  UsePoP,
  type PopModuleOptions,
} from '@oauth-pop/nestjs'

const { tokens, sign, signed, signedPost, form, inQuery, anonymous } = createRequests()
const options: PopModuleOptions = { publicUrl: apiUrl, tokens }
const closing: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

type Send = (request: RawRequest) => Promise<RawResponse>
type Wiring = ModuleMetadata & { readonly pop?: PopModuleOptions }

/** An application module around some controllers. */
function createModule({ pop = options, imports, ...metadata }: Wiring): Type {
  @Module({ imports: imports ?? [PopModule.forRoot(pop)], ...metadata })
  class AppModule {}
  return AppModule
}

async function listenOn(app: INestApplication): Promise<number> {
  await app.listen(0, '127.0.0.1')
  closing.push(() => app.close())
  return addressOf(app.getHttpServer() as { address(): unknown }).port
}

const jsonPost = (text: string, claims?: Record<string, unknown>): RawRequest =>
  signedPost('application/json', text, claims)

const at = (target: string): { signed: RawRequest; anonymous: RawRequest } => ({
  signed: signed({}, { target }),
  anonymous: anonymous({ target }),
})

const platforms: [string, () => ExpressAdapter | FastifyAdapter][] = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
]

describe.each(platforms)('PopModule on %s', (platform, createAdapter) => {
  async function serve(
    wiring: Wiring,
    prepare: (app: INestApplication) => unknown = () => {},
  ): Promise<Send> {
    const app = await NestFactory.create(createModule(wiring), createAdapter(), {
      logger: false,
      forceCloseConnections: true,
      abortOnError: false,
    })
    await prepare(app)
    const port = await listenOn(app)
    return (request) => sendRaw(port, request)
  }

  const statusesOf = async (send: Send, ...requests: RawRequest[]): Promise<readonly number[]> => {
    const statuses: number[] = []
    for (const request of requests) statuses.push((await send(request)).status)
    return statuses
  }

  test('@OptionalPoP opens what it stands on', { tags: ['rule-optional-route'] }, async () => {
    const subjectOf = (token?: AccessToken): object => ({ subject: token?.subject ?? null })

    @UsePoP()
    @Controller('closed')
    class Closed {
      @OptionalPoP()
      @Get('feed')
      feed(@AccessToken() token?: AccessToken): object {
        return subjectOf(token)
      }

      @OptionalPoP()
      @RequireScopes('read')
      @Get('scoped')
      scoped(@AccessToken() token?: AccessToken): object {
        return subjectOf(token)
      }

      @Get()
      list(@AccessToken() token?: AccessToken): object {
        return subjectOf(token)
      }
    }

    @OptionalPoP()
    @Controller('open')
    class Open {
      @UsePoP()
      @Get('closed')
      closed(@AccessToken() token?: AccessToken): object {
        return subjectOf(token)
      }

      @Get()
      list(@AccessToken() token?: AccessToken): object {
        return subjectOf(token)
      }
    }

    for (const providers of [[], [{ provide: APP_GUARD, useExisting: PopGuard }]]) {
      const send = await serve({ controllers: [Closed, Open], providers })
      const anonymously = ['/closed/feed', '/closed/scoped', '/closed', '/open/closed', '/open']
      expect(await statusesOf(send, ...anonymously.map((target) => anonymous({ target })))).toEqual(
        [200, 401, 401, 401, 200],
      )
      const [feed, scoped] = [at('/closed/feed').signed, at('/closed/scoped').signed]
      const bad = signed({ p: '/other' }, { target: '/closed/feed' })
      expect(await statusesOf(send, feed, feed, scoped, bad)).toEqual([200, 401, 200, 401])
    }
  })

  @Controller('items')
  class Items {
    @Get('open')
    open(@Req() request: object): object {
      return { verified: 'accessToken' in request }
    }

    @UsePoP()
    @Get()
    list(@AccessToken() token: AccessToken, @Req() request: { accessToken: AccessToken }): object {
      return { subject: token.subject, same: token === request.accessToken }
    }

    @RequireScopes('read', 'write')
    @Get('scoped')
    scoped(): string {
      return 'scoped'
    }

    @RequireScopes('admin')
    @Get('admin')
    admin(): string {
      return 'admin'
    }

    @RequireAnyScope('admin', 'read')
    @RequireScopes('read')
    @RequireScopes('owner')
    @Get('several')
    several(): string {
      return 'several'
    }

    @RequireCoverage({ body: true })
    @Post()
    add(@Body() body: object): object {
      return body
    }
  }

  test('protects the handlers that ask for it, and each requirement does by itself', async () => {
    const send = await serve({ controllers: [Items] })
    expect(JSON.parse((await send(signed())).body)).toEqual({ subject: 'alice', same: true })
    expect(await statusesOf(send, anonymous(), at('/items/scoped').anonymous)).toEqual([401, 401])
    expect(
      await statusesOf(
        send,
        at('/items/scoped').signed,
        at('/items/admin').signed,
        at('/items/several').signed,
      ),
    ).toEqual([200, 403, 403])
  })

  test('leaves the other handlers alone, even when a request carries a bad credential', async () => {
    const send = await serve({ controllers: [Items] })
    const target = '/items/open'
    const responses = [
      await send(anonymous({ target })),
      await send(signed({ p: '/other' }, { target })),
      await send({ ...inQuery(), target: `${target}?pop_access_token=${sign()}` }),
    ]
    for (const { status, headers, body } of responses) {
      expect([status, JSON.parse(body)]).toEqual([200, { verified: false }])
      expect(headers.map(([name]) => name)).not.toContain('www-authenticate')
      expect(headers.map(([name]) => name)).not.toContain('cache-control')
    }
  })

  test('verifies a signed body ahead of the parsers, which then get it', async () => {
    const send = await serve({ controllers: [Items] })
    const post = (b?: string): RawRequest =>
      jsonPost('{"a":1}', b === undefined ? {} : { b: hashOf(b) })
    const accepted = await send(post('{"a":1}'))
    expect([accepted.status, accepted.body]).toEqual([201, '{"a":1}'])
    expect(await statusesOf(send, post('{"a":2}'), post())).toEqual([401, 401])
  })

  test('takes the proof out of a form, and leaves the form to the parser', async () => {
    @Controller('items')
    @UsePoP()
    class Forms {
      @Post()
      add(@Body() body: object): object {
        return body
      }
    }
    const send = await serve({ controllers: [Forms] })
    const response = await send(form((proof) => `a=1&pop_access_token=${proof}`))
    expect([response.status, JSON.parse(response.body)]).toMatchObject([201, { a: '1' }])
    expect((await send(form(() => 'a=1'))).status).toBe(401)
  })

  test('leaves a long form to an open handler, and refuses it before a protected one', async () => {
    @Controller()
    class Uploads {
      @Post('open')
      open(@Body() body: { a: string }): number {
        return body.a.length
      }

      @UsePoP()
      @Post('items')
      add(): string {
        return 'added'
      }
    }
    const send = await serve({ controllers: [Uploads] })
    const long = form(() => `a=${'x'.repeat(70_000)}`)
    const open = await send({ ...long, target: '/open' })
    expect([open.status, open.body]).toEqual([201, '70000'])
    const refused = await send(long)
    expect(refused.status).toBe(413)
    expect(refused.headers).toContainEqual(['cache-control', 'no-store'])
  })

  test('without body parsers, a signed body is verified all the same', async () => {
    const app = await NestFactory.create(createModule({ controllers: [Items] }), createAdapter(), {
      logger: false,
      bodyParser: false,
      forceCloseConnections: true,
    })
    const port = await listenOn(app)
    const response = await sendRaw(port, jsonPost('{"a":1}', { b: hashOf('{"a":2}') }))
    expect(response.status).toBe(401)
  })

  test(
    'requirements of a class and of its handlers both hold',
    { tags: ['rule-guard-scopes'] },
    async () => {
      @RequireScopes('read')
      @Controller()
      class Both {
        @Get('items')
        list(): string {
          return 'list'
        }

        @RequireScopes('admin')
        @Get('admin')
        admin(): string {
          return 'admin'
        }
      }
      @RequireScopes('admin')
      @Controller('closed')
      class Closed {
        @RequireScopes('read')
        @Get()
        list(): string {
          return 'list'
        }
      }
      const send = await serve({ controllers: [Both, Closed] })
      const { signed: admin } = at('/admin')
      expect(await statusesOf(send, signed(), admin, at('/closed').signed)).toEqual([200, 403, 403])
    },
  )

  test(
    'as APP_GUARD it protects everything that is not exempt',
    { tags: ['rule-exempt-exactly'] },
    async () => {
      @Controller()
      class Open {
        @Get('items')
        list(): string {
          return 'list'
        }

        @AllowUnverified()
        @Get('open')
        open(@AccessToken() token: AccessToken | undefined): boolean {
          return token === undefined
        }
      }
      @AllowUnverified()
      @Controller('class')
      class OpenClass {
        @Get('open')
        open(): string {
          return 'open'
        }

        @UsePoP()
        @Get('closed')
        closed(): string {
          return 'closed'
        }
      }
      @UsePoP()
      @Controller('closed')
      class Closed {
        @AllowUnverified()
        @Get('open')
        open(): string {
          return 'open'
        }

        @AllowUnverified()
        @RequireScopes('read')
        @Get('both')
        both(): string {
          return 'both'
        }
      }
      const send = await serve({
        controllers: [Open, OpenClass, Closed],
        providers: [{ provide: APP_GUARD, useClass: PopGuard }],
      })
      expect(
        await statusesOf(
          send,
          anonymous(),
          at('/open').anonymous,
          at('/class/open').anonymous,
          at('/class/closed').anonymous,
          at('/closed/open').anonymous,
          at('/closed/both').anonymous,
        ),
      ).toEqual([401, 200, 200, 401, 200, 401])
      expect((await send(signed())).status).toBe(200)
    },
  )

  test(
    'as APP_GUARD it protects a class that extends an exempt one, and what it inherits',
    { tags: ['rule-exempt-exactly'] },
    async () => {
      @AllowUnverified()
      @Controller('open')
      class Open {
        @Get('own')
        own(): string {
          return 'own'
        }

        @AllowUnverified()
        @Get('exempt')
        exempt(): string {
          return 'exempt'
        }
      }
      @Controller('admin')
      class Admin extends Open {
        @Get('added')
        added(): string {
          return 'added'
        }
      }
      @AllowUnverified()
      @Controller('again')
      class Again extends Open {}
      const send = await serve({
        controllers: [Open, Admin, Again],
        providers: [{ provide: APP_GUARD, useClass: PopGuard }],
      })
      const answers: Record<string, number> = {}
      for (const target of [
        '/open/own',
        '/admin/added',
        '/admin/own',
        '/admin/exempt',
        '/again/own',
      ]) {
        answers[target] = (await send(anonymous({ target }))).status
      }
      expect(answers).toEqual({
        '/open/own': 200,
        '/admin/added': 401,
        '/admin/own': 401,
        // The handler itself says so, wherever it is.
        '/admin/exempt': 200,
        '/again/own': 200,
      })
      expect((await send(at('/admin/added').signed)).status).toBe(200)
    },
  )

  test('named in @UseGuards, nearer than an exemption, it protects too', async () => {
    class OwnGuard extends PopGuard {}
    @AllowUnverified()
    @Controller()
    class Mixed {
      @UseGuards(PopGuard)
      @Get('items')
      list(): string {
        return 'list'
      }

      @UseGuards(OwnGuard)
      @Get('own')
      own(): string {
        return 'own'
      }

      @Get('open')
      open(): string {
        return 'open'
      }
    }
    const send = await serve({ controllers: [Mixed] })
    expect(
      await statusesOf(send, anonymous(), at('/own').anonymous, at('/open').anonymous, signed()),
    ).toEqual([401, 401, 200, 200])
  })

  test('a form that breaks off reaches no handler, not even an open one', async () => {
    const handled = vi.fn<(body: unknown) => void>()
    @Controller('items')
    class Open {
      @Post()
      add(@Body() body: unknown): void {
        handled(body)
      }
    }
    const app = await NestFactory.create(createModule({ controllers: [Open] }), createAdapter(), {
      logger: false,
      forceCloseConnections: true,
    })
    const port = await listenOn(app)
    const half = encodeRequest({ ...form(() => 'a=1&b=2'), truncate: true })
    const socket = connect(port, '127.0.0.1', () => socket.write(half))
    setTimeout(() => socket.destroy(), 50)
    await once(socket, 'close')
    expect(
      (
        await sendRaw(
          port,
          form(() => 'a=1'),
        )
      ).status,
    ).toBe(201)
    expect(handled.mock.calls).toEqual([[expect.objectContaining({ a: '1' })]])
  })

  test(
    'asked for by application, class and handler, it verifies and checks once',
    { tags: ['rule-one-verification'] },
    async () => {
      const store = memoryReplayStore()
      const claim = vi.fn<typeof store.claim>((entry) => store.claim(entry))
      const check = vi.fn<() => boolean>(() => true)
      @UsePoP()
      @Controller('items')
      class Often {
        @UsePoP()
        @RequireClaims(check)
        @Get()
        list(): string {
          return 'list'
        }
      }
      const send = await serve({
        pop: { ...options, replay: { claim } },
        controllers: [Often],
        providers: [{ provide: APP_GUARD, useExisting: PopGuard }],
      })
      expect((await send(signed())).status).toBe(200)
      expect([claim.mock.calls.length, check.mock.calls.length]).toEqual([1, 1])
    },
  )

  test(
    'with optional, an absent credential passes and a bad one never does',
    { tags: ['rule-optional'] },
    async () => {
      const send = await serve({ pop: { ...options, optional: true }, controllers: [Items] })
      expect(
        await statusesOf(
          send,
          at('/items/open').anonymous,
          at('/items/scoped').anonymous,
          signed({ p: '/other' }),
        ),
      ).toEqual([200, 401, 401])
    },
  )

  test(
    'under a global prefix, compares the whole path',
    { tags: ['attack-46', 'shr-path-mounted'] },
    async () => {
      const send = await serve({ controllers: [Items] }, (app) => app.setGlobalPrefix('v1'))
      const target = '/v1/items'
      expect(
        await statusesOf(send, signed({}, { target }), signed({ p: '/items' }, { target })),
      ).toEqual([200, 401])
    },
  )

  test(
    'with CORS enabled, answers a preflight and lets scripts read a refusal',
    { tags: ['attack-200', 'answer-cors'] },
    async () => {
      const origin = 'https://app.example'
      const send = await serve({ controllers: [Items] }, (app) =>
        app.enableCors({ origin, exposedHeaders: ['WWW-Authenticate'] }),
      )
      const asks = ['Access-Control-Request-Method', 'GET'] as const
      const preflight = await send(
        anonymous({ method: 'OPTIONS', headers: [['Origin', origin], asks] }),
      )
      expect([preflight.status, challengesOf(preflight)]).toEqual([204, []])
      const refused = await send(anonymous({ headers: [['Origin', origin]] }))
      expect([refused.status, challengesOf(refused).length]).toEqual([401, 2])
      expect(refused.headers).toContainEqual(['access-control-allow-origin', origin])
      expect(refused.headers).toContainEqual(['access-control-expose-headers', 'WWW-Authenticate'])
    },
  )

  test('the answer is the OAuth error, as JSON', async () => {
    const send = await serve({ controllers: [Items] })
    expect(JSON.parse((await send(signed({ p: '/other' }))).body)).toEqual({
      error: 'invalid_token',
      error_description: 'The proof was made for another path',
    })
    const tooLong = await send(jsonPost(`"${'x'.repeat(2_000_000)}"`, { b: hashOf('') }))
    expect([tooLong.status, JSON.parse(tooLong.body)]).toEqual([
      413,
      { error_description: 'The request body is larger than this server accepts' },
    ])
  })

  test(
    'filters see an HttpException whose cause is the PopError, and headers survive them',
    { tags: ['attack-207', 'answer-error-handler'] },
    async () => {
      const seen = vi.fn<(exception: unknown) => void>()
      @Catch()
      class OnlyStatus implements ExceptionFilter {
        catch(exception: HttpException, host: ArgumentsHost): void {
          seen(exception)
          const { httpAdapter } = adapters
          const response: unknown = host.switchToHttp().getResponse()
          httpAdapter.reply(response, { mine: true }, exception.getStatus())
        }
      }
      let adapters = new HttpAdapterHost()
      const send = await serve({ controllers: [Items] }, (app) => {
        adapters = app.get(HttpAdapterHost)
        app.useGlobalFilters(new OnlyStatus())
      })
      const response = await send(anonymous())
      expect([response.status, response.body]).toEqual([401, '{"mine":true}'])
      expect(challengesOf(response)).toHaveLength(2)
      expect(response.headers).toContainEqual(['cache-control', 'no-store'])
      const tooLong = await send(jsonPost(`"${'x'.repeat(2_000_000)}"`, { b: hashOf('') }))
      expect([tooLong.status, tooLong.body]).toEqual([413, '{"mine":true}'])
      expect(seen.mock.calls.map(([exception]) => exception)).toEqual([
        expect.any(HttpException),
        expect.any(HttpException),
      ])
      expect(seen.mock.calls.map(([exception]) => (exception as Error).cause)).toEqual([
        expect.any(PopError),
        expect.any(PopError),
      ])
    },
  )

  test(
    "with publicUrl 'request', believes one forwarded host, under a trusted proxy only",
    { tags: ['attack-49', 'attack-50', 'rule-location-request', 'rule-location-forwarded'] },
    async () => {
      const ask = async (trusted: boolean, host: string): Promise<number> => {
        const adapter =
          platform === 'Express'
            ? new ExpressAdapter()
            : new FastifyAdapter({ trustProxy: trusted })
        const pop: PopModuleOptions = { ...options, publicUrl: 'request' }
        const app = await NestFactory.create(createModule({ pop, controllers: [Items] }), adapter, {
          logger: false,
          forceCloseConnections: true,
        })
        if (adapter instanceof ExpressAdapter) adapter.set('trust proxy', trusted)
        const port = await listenOn(app)
        const headers = [
          ['X-Forwarded-Host', host],
          ['X-Forwarded-Proto', 'https'],
        ] as const
        return (await sendRaw(port, signed({ u: 'public.example.com' }, { headers }))).status
      }
      expect(await ask(true, 'public.example.com')).toBe(200)
      expect(await ask(false, 'public.example.com')).toBe(401)
      expect(await ask(true, 'public.example.com, Public.example.com')).toBe(200)
      expect(await ask(true, 'public.example.com, other.example.com')).toBe(400)
    },
  )

  test('takes its options from a factory that waits and injects', async () => {
    @Module({ providers: [{ provide: 'url', useValue: apiUrl }], exports: ['url'] })
    class ConfigModule {}
    const pop = PopModule.forRootAsync({
      imports: [ConfigModule],
      inject: ['url'],
      async useFactory(publicUrl: string) {
        await new Promise(setImmediate)
        return { publicUrl, tokens }
      },
    })
    const send = await serve({ imports: [pop], controllers: [Items] })
    expect(await statusesOf(send, signed(), anonymous())).toEqual([200, 401])
    const post = jsonPost('{"a":1}', { b: hashOf('{"a":1}') })
    expect((await send(post)).status).toBe(201)
  })

  test('takes its options from a class', async () => {
    class PopConfig {
      createPopOptions(): PopModuleOptions {
        return options
      }
    }
    const pop = PopModule.forRootAsync({ useClass: PopConfig })
    const send = await serve({ imports: [pop], controllers: [Items] })
    expect(await statusesOf(send, signed(), anonymous())).toEqual([200, 401])
  })

  describe(
    'a requirement that no enabled scheme can satisfy',
    {
      tags: ['rule-guard-satisfiable'],
    },
    () => {
      const pop = { ...options, schemes: [dpop()] }
      const start = (controller: Type): Promise<Send> => {
        @Module({ imports: [PopModule.forRootAsync({ useFactory: () => pop })] })
        class Below {}
        return serve({ imports: [Below], controllers: [controller] })
      }

      @RequireCoverage({ body: true })
      class Base {
        @Get('inherited')
        inherited(): string {
          return 'inherited'
        }
      }
      @Controller('class')
      class OfBase extends Base {}
      @Controller('handler')
      class OfHandler {
        @UsePoP()
        @Get()
        other(): string {
          return 'other'
        }

        @RequireScheme('PoP')
        @Get('own')
        own(): string {
          return 'own'
        }
      }
      @Controller('exempt')
      @RequireScheme('PoP')
      class Exempt {
        @AllowUnverified()
        @Get()
        open(): string {
          return 'open'
        }
      }

      test.each<[string, Type, string]>([
        ['of a class, inherited', OfBase, 'OfBase.inherited: requireCoverage body'],
        ['of a handler', OfHandler, 'OfHandler.own: requireScheme'],
      ])('%s, fails at start-up', async (_, controller, guard) => {
        await expect(start(controller)).rejects.toThrow(
          `${guard} can never be satisfied with schemes: [dpop()]: write schemes: [dpop(), pop()]`,
        )
      })

      test("of a class all of whose handlers are exempt, is nobody's business", async () => {
        const send = await start(Exempt)
        expect((await send(at('/exempt').anonymous)).status).toBe(200)
      })
    },
  )

  test('imported twice it is one module; with different options it fails at start-up', async () => {
    const once = PopModule.forRoot(options)
    const send = await serve({ imports: [once, once], controllers: [Items] })
    expect(await statusesOf(send, signed(), anonymous())).toEqual([200, 401])
    const imports = [once, PopModule.forRoot({ ...options, realm: 'other' })]
    await expect(serve({ imports, controllers: [Items] })).rejects.toThrow(/import it once/)
  })

  test(
    'without options, reads the environment, and says what is missing there',
    { tags: ['rule-environment-missing'] },
    async () => {
      expect(() => PopModule.forRoot()).toThrow(/OAUTH_POP_PUBLIC_URL, OAUTH_POP_AUDIENCE/)
      vi.stubEnv('OAUTH_POP_PUBLIC_URL', apiUrl)
      vi.stubEnv('OAUTH_POP_AUDIENCE', apiUrl)
      vi.stubEnv('OAUTH_POP_ISSUER', 'https://as.example.com')
      const send = await serve({ imports: [PopModule.forRoot()], controllers: [Items] })
      expect((await send(anonymous())).status).toBe(401)
      vi.unstubAllEnvs()
    },
  )

  test('wrong options fail at start-up', async () => {
    const pop = { ...options, optinal: true } as PopModuleOptions
    await expect(serve({ pop, controllers: [Items] })).rejects.toThrow(/optinal/)
  })

  test('works in a testing module, whose platform comes after the providers', async () => {
    const module = await Test.createTestingModule({
      imports: [PopModule.forRoot(options)],
      controllers: [Items],
    }).compile()
    const app = module.createNestApplication(createAdapter(), { logger: false })
    await app.init()
    if (platform === 'Fastify') {
      await (app.getHttpAdapter().getInstance() as { ready(): Promise<unknown> }).ready()
    }
    closing.push(() => app.close())
    const api = supertest(app.getHttpServer() as never)
    const post = (b: string): supertest.Test =>
      api
        .post('/items')
        .set('Host', 'api.example.com')
        .set('Content-Type', 'application/json')
        .set('Authorization', `PoP ${sign({ m: 'POST', b: hashOf(b) })}`)
        .send('{"a":1}')
    expect((await api.get('/items')).status).toBe(401)
    expect((await post('{"a":1}')).status).toBe(201)
    expect((await post('{"a":2}')).status).toBe(401)
  })

  const failing = {
    scheme: [() => RequireScheme('DPoP'), 'ERR_POP_SCHEME_INSUFFICIENT'],
    scopes: [() => RequireScopes('admin'), 'ERR_POP_SCOPE_INSUFFICIENT'],
    claims: [() => RequireClaims(() => false), 'ERR_POP_CLAIMS_INSUFFICIENT'],
    coverage: [() => RequireCoverage({ body: true }), 'ERR_POP_COVERAGE_MISSING'],
    authentication: [
      () => RequireAuthentication({ acrValues: ['phr'] }),
      'ERR_POP_AUTHENTICATION_INSUFFICIENT',
    ],
  } as const
  const kinds = Object.keys(failing) as (keyof typeof failing)[]
  const pairs = kinds.flatMap((first, index) =>
    kinds.slice(index + 1).map((second) => [first, second] as const),
  )

  test.each(pairs)(
    '%s is judged before %s, whichever is written first and wherever',
    { tags: ['rule-guard-order'] },
    async (first, second) => {
      const [one, code] = failing[first]
      const other = failing[second][0]
      @Controller('items')
      class Both {
        @one()
        @other()
        @Get('a')
        a(): void {}

        @other()
        @one()
        @Get('b')
        b(): void {}
      }
      @other()
      @Controller('apart')
      class Apart {
        @one()
        @Get()
        list(): void {}
      }
      const send = await serve({ controllers: [Both, Apart] })
      const codes = await watchRefusals(async () => {
        for (const target of ['/items/a', '/items/b', '/apart']) {
          await send(signed({ p: target }, { target }))
        }
      })
      expect(codes).toEqual([code, code, code])
    },
  )

  test('of one kind are judged from the top down', { tags: ['rule-guard-order'] }, async () => {
    @Controller('items')
    class Twice {
      @RequireScopes('admin')
      @RequireScopes('owner')
      @Get()
      list(): void {}
    }
    const send = await serve({ controllers: [Twice] })
    const { headers } = await send(signed())
    expect(headers.find(([name]) => name === 'www-authenticate')?.[1]).toMatch(/scope="admin"/)
  })
})

test('on Fastify over HTTP/2, verifies requests and their bodies', async () => {
  @UsePoP()
  @RequireCoverage({ body: true })
  @Controller('items')
  class Items {
    @Post()
    add(@Body() body: object): object {
      return body
    }
  }
  const adapter = new FastifyAdapter({ http2: true })
  const app = await NestFactory.create(createModule({ controllers: [Items] }), adapter, {
    logger: false,
  })
  const port = await listenOn(app)
  const ask = async (b: string): Promise<readonly unknown[]> => {
    const { status, headers, body } = await sendHttp2(
      port,
      {
        ':method': 'POST',
        'content-type': 'application/json',
        authorization: `PoP ${sign({ m: 'POST', b: hashOf(b) })}`,
      },
      Buffer.from('{"a":1}'),
    )
    return [status, headers['www-authenticate']?.split(' ')[0] ?? body]
  }
  expect(await ask('{"a":1}')).toEqual([201, '{"a":1}'])
  expect(await ask('{"a":2}')).toEqual([401, 'PoP'])
})

test('a handler that passes a request on does not pass its approval on', async () => {
  @Controller('items')
  class First {
    @RequireScopes('read')
    @Get()
    list(@Next() next: () => void): void {
      next()
    }
  }
  @Controller('items')
  class Second {
    @RequireScopes('admin')
    @Get()
    list(): string {
      return 'list'
    }
  }
  const module = createModule({ controllers: [First, Second] })
  const app = await NestFactory.create(module, new ExpressAdapter(), { logger: false })
  const port = await listenOn(app)
  expect((await sendRaw(port, signed())).status).toBe(403)
})

test('a handler that two classes inherit is approved for each by itself', async () => {
  const ran: string[] = []
  abstract class Base {
    @Get()
    list(@Next() next: () => void): void {
      ran.push(this.constructor.name)
      next()
    }
  }
  @Controller('items')
  @RequireScopes('read')
  class Reads extends Base {}
  @Controller('items')
  @RequireScopes('admin')
  class Admins extends Base {}
  const module = createModule({ controllers: [Reads, Admins] })
  const app = await NestFactory.create(module, new ExpressAdapter(), { logger: false })
  const port = await listenOn(app)
  expect((await sendRaw(port, signed())).status).toBe(403)
  expect(ran).toEqual(['Reads'])
})

test('where there is no HTTP server, the guard refuses', async () => {
  const app = await NestFactory.createApplicationContext(createModule({}), { logger: false })
  closing.push(() => app.close())
  class Handlers {
    handle(): void {}
  }
  // eslint-disable-next-line typescript/unbound-method -- Nest keys metadata by the function
  const context = new ExecutionContextHost([{}, {}], Handlers, Handlers.prototype.handle)
  await expect(app.get(PopGuard).canActivate(context)).rejects.toMatchObject({
    cause: { code: 'ERR_POP_CONTEXT_UNSUPPORTED' },
  })
})

describe('handlers that are not HTTP', () => {
  test.each(['graphql', 'ws', 'rpc'])(
    'of type %s are refused, never passed',
    { tags: ['attack-207', 'rule-only-http'] },
    async (type) => {
      @UsePoP()
      class Handlers {
        handle(): void {}
      }
      const app = await NestFactory.create(createModule({}), new ExpressAdapter(), {
        logger: false,
      })
      closing.push(() => app.close())
      // eslint-disable-next-line typescript/unbound-method -- Nest keys metadata by the function
      const context = new ExecutionContextHost([{}, {}], Handlers, Handlers.prototype.handle)
      context.setType(type)
      const verdict = await app
        .get(PopGuard)
        .canActivate(context)
        .catch((error: unknown) => error)
      expect(verdict).toBeInstanceOf(HttpException)
      expect((verdict as HttpException).getStatus()).toBe(500)
      expect((verdict as HttpException).cause).toMatchObject({
        code: 'ERR_POP_CONTEXT_UNSUPPORTED',
      })
    },
  )

  test(
    'a microservice answers with an error and does not run the handler',
    { tags: ['attack-207'] },
    async () => {
      const handled = vi.fn<() => string>(() => 'handled')
      @Controller()
      class Rpc {
        @UsePoP()
        @MessagePattern('closed')
        closed(): string {
          return handled()
        }

        @MessagePattern('open')
        open(): string {
          return 'open'
        }
      }
      const port = 20_000 + Math.floor(Math.random() * 12_000)
      const transport = { transport: Transport.TCP, options: { port } } as const
      const service = await NestFactory.createMicroservice(createModule({ controllers: [Rpc] }), {
        ...transport,
        logger: false,
      })
      await service.listen()
      const client = ClientProxyFactory.create(transport)
      closing.push(async () => {
        client.close()
        await service.close()
      })
      expect(await firstValueFrom(client.send('open', {}))).toBe('open')
      await expect(firstValueFrom(client.send('closed', {}))).rejects.toBeDefined()
      expect(handled).not.toHaveBeenCalled()
    },
  )
})

describe('decorators', () => {
  test('with nothing to require are a mistake at start-up', { tags: ['rule-guard-empty'] }, () => {
    expect(() => RequireScopes()).toThrow(TypeError)
    expect(() => RequireAnyScope()).toThrow(TypeError)
    expect(() => RequireCoverage({})).toThrow(TypeError)
    expect(() => RequireClaims(undefined as never)).toThrow(TypeError)
    expect(() => RequireScheme()).toThrow(TypeError)
    expect(() => RequireAuthentication({})).toThrow(TypeError)
  })
})
