import 'reflect-metadata'
import { All, Controller, HttpCode, Inject, Module, Res, type DynamicModule } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { AccessToken, PopModule, UsePoP, type PopModuleOptions } from '@oauth-pop/nestjs'
import { addressOf, describeToken, type AdapterHarness } from '@oauth-pop/testkit'
import type { FastifyInstance } from 'fastify'

class Handled {
  count = 0
  headers: Readonly<Record<string, string>> = {}
}

/** What the responses of both platforms have. */
interface Reply {
  header(name: string, value: string): void
}

@Controller()
@UsePoP()
class EchoController {
  readonly #handled: Handled

  constructor(@Inject(Handled) handled: Handled) {
    this.#handled = handled
  }

  @All(['', '*'])
  @HttpCode(200)
  echo(@AccessToken() token: AccessToken, @Res({ passthrough: true }) reply: Reply): object {
    this.#handled.count += 1
    for (const [name, value] of Object.entries(this.#handled.headers)) reply.header(name, value)
    return describeToken(token)
  }
}

@Module({})
class EchoModule {
  static with(options: PopModuleOptions, handled: Handled): DynamicModule {
    return {
      module: EchoModule,
      imports: [PopModule.forRoot(options)],
      controllers: [EchoController],
      providers: [{ provide: Handled, useValue: handled }],
    }
  }
}

const platforms = {
  'Nest on Express': () => new ExpressAdapter(),
  'Nest on Fastify': () => {
    const adapter = new FastifyAdapter({ forceCloseConnections: true })
    // Nest parses JSON and forms; every other type should reach the handler too.
    adapter.getInstance<FastifyInstance>().addContentTypeParser('*', (_request, payload, done) => {
      payload.resume().on('end', () => done(null))
    })
    return adapter
  },
}

export const hosts: Record<string, AdapterHarness> = Object.fromEntries(
  Object.entries(platforms).map(([name, createAdapter]) => [name, harness(createAdapter)]),
)

function harness(createAdapter: () => ExpressAdapter | FastifyAdapter): AdapterHarness {
  return {
    async start(options, headers = {}) {
      const handled = Object.assign(new Handled(), { headers })
      const app = await NestFactory.create(EchoModule.with(options, handled), createAdapter(), {
        logger: false,
        forceCloseConnections: true,
      })
      await app.listen(0, '127.0.0.1')
      return {
        ...addressOf(app.getHttpServer() as { address(): unknown }),
        handled: () => handled.count,
        close: () => app.close(),
      }
    },
  }
}
