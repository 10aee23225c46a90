import 'reflect-metadata'
import { All, Controller, HttpCode, Module, Res, type DynamicModule } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import {
  AccessToken,
  PopModule,
  RequireAnyScope,
  RequireAuthentication,
  RequireClaims,
  RequireCoverage,
  RequireScheme,
  RequireScopes,
  RequireToken,
  UsePoP,
  type PopModuleOptions,
} from '@oauth-pop/nestjs'
import {
  addressOf,
  createGuards,
  describeToken,
  fastifyTls,
  type AdapterHarness,
  type Route,
} from '@oauth-pop/testkit'
import type { FastifyInstance } from 'fastify'

/** What the responses of both platforms have. */
interface Reply {
  header(name: string, value: string): void
}

function createModule(
  options: PopModuleOptions,
  { headers = {}, guards = {}, failure }: Route,
  onHandled: () => void,
): DynamicModule {
  @Controller()
  @UsePoP()
  class EchoController {
    @All(['', '*'])
    @HttpCode(200)
    echo(@AccessToken() token: AccessToken, @Res({ passthrough: true }) reply: Reply): object {
      onHandled()
      if (failure !== undefined) throw new Error(failure)
      for (const [name, value] of Object.entries(headers)) reply.header(name, value)
      return describeToken(token)
    }
  }
  // Decorators apply from the bottom up, so this is as if they were written in that order.
  const written = createGuards(guards, decorators)
  for (const decorate of written.toReversed()) decorate(EchoController)

  @Module({ imports: [PopModule.forRoot(options)], controllers: [EchoController] })
  class EchoModule {}
  return { module: EchoModule }
}

const decorators = {
  requireToken: RequireToken,
  requireScheme: RequireScheme,
  requireScopes: RequireScopes,
  requireAnyScope: RequireAnyScope,
  requireClaims: RequireClaims,
  requireCoverage: RequireCoverage,
  requireAuthentication: RequireAuthentication,
}

const platforms = {
  'Nest on Express': ({ trustsProxy = false, unverified }: Route) => {
    const adapter = new ExpressAdapter()
    adapter.set('trust proxy', trustsProxy)
    adapter.use((request: object, _response: unknown, next: () => void) => {
      Object.assign(request, unverified && { accessToken: unverified })
      next()
    })
    return adapter
  },
  'Nest on Fastify': ({ trustsProxy = false, unverified, tls }: Route) => {
    const adapter = new FastifyAdapter({
      forceCloseConnections: true,
      trustProxy: trustsProxy,
      ...fastifyTls(tls),
    })
    adapter.getInstance<FastifyInstance>().addHook('onRequest', async (request) => {
      Object.assign(request, unverified && { accessToken: unverified })
    })
    // Nest parses JSON and forms; every other type should reach the handler too.
    adapter.getInstance<FastifyInstance>().addContentTypeParser('*', (_request, payload, done) => {
      payload.resume().on('end', () => done(null))
    })
    return adapter
  },
}

export const hosts: Record<string, AdapterHarness> = Object.fromEntries(
  Object.entries(platforms).map(([name, createAdapter]) => [name, harness(name, createAdapter)]),
)

function harness(
  name: string,
  createAdapter: (route: Route) => ExpressAdapter | FastifyAdapter,
): AdapterHarness {
  return {
    seesGuards: true,
    ...(name === 'Nest on Fastify' && { speaksHttp2: true }),
    async start(options, route = {}) {
      let handled = 0
      const module = createModule(options, route, () => void (handled += 1))
      const app = await NestFactory.create(module, createAdapter(route), {
        logger: false,
        abortOnError: false,
        forceCloseConnections: true,
        ...(route.tls && { httpsOptions: route.tls as object }),
      })
      await app.listen(0, '127.0.0.1')
      return {
        ...addressOf(app.getHttpServer() as { address(): unknown }),
        handled: () => handled,
        close: () => app.close(),
      }
    },
  }
}
