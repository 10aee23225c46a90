import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import {
  introspectedTokens,
  jwtTokens,
  memoryReplayStore,
  popMiddleware,
  type AccessToken,
  type NonceOptions,
  type PopMiddlewareOptions,
  type Scheme,
  type TokenResolver,
} from '@oauth-pop/express'
import { popPlugin } from '@oauth-pop/fastify'
import { createClock, listen, type FakeClock } from '@oauth-pop/testkit'
import express from 'express'
import fastify from 'fastify'
import { api, audiences, type AuthorizationServer, type TokenForm } from './authorization-server.ts'

/** What a server does about nonces. */
const modes = {
  off: undefined,
  offered: { required: false },
  required: {},
  'required, for a second': { lifetimeSeconds: 1 },
} as const satisfies Record<string, NonceOptions | undefined>
export type Mode = keyof typeof modes

/** What the handler was given. */
interface Handled {
  readonly method: string
  readonly body: string
  readonly token: AccessToken
}

/** One request as it arrived, and how it was answered. */
export interface Exchange {
  readonly headers: IncomingMessage['headers']
  readonly status: number
  readonly challenge: string
}

export interface ResourceServer {
  readonly url: string
  readonly clock: FakeClock
  readonly exchanges: readonly Exchange[]
  readonly handled: readonly Handled[]
  readonly close: () => Promise<void>
}

export type Framework = keyof typeof frameworks

type Handle = (request: IncomingMessage, token: AccessToken, body: string) => object

const frameworks = {
  express: (options: PopMiddlewareOptions, handle: Handle): Promise<RequestListener> => {
    const app = express()
    app.set('env', 'test') // prints no errors
    app.use(popMiddleware(options), express.text({ type: () => true }))
    app.use((request, response) => {
      const body: unknown = request.body
      response.json(handle(request, request.accessToken, typeof body === 'string' ? body : ''))
    })
    return Promise.resolve(app)
  },
  fastify: async (options: PopMiddlewareOptions, handle: Handle): Promise<RequestListener> => {
    const app = fastify()
    await app.register(popPlugin, options)
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    app.all('/*', ({ raw, accessToken, body }) =>
      handle(raw, accessToken, typeof body === 'string' ? body : ''),
    )
    await app.ready()
    return (request, response) => app.routing(request, response)
  },
}

export const frameworkNames = Object.keys(frameworks) as Framework[]

interface Surroundings {
  readonly framework: Framework
  readonly form: TokenForm
  readonly mode: Mode
  /** Default: those of the library. */
  readonly schemes?: readonly Scheme[]
}

/** Our resource server, whose clock stands still at the present second. */
export async function startResourceServer(
  server: AuthorizationServer,
  { framework, form, mode, schemes }: Surroundings,
): Promise<ResourceServer> {
  const [exchanges, handled]: [Exchange[], Handled[]] = [[], []]
  const clock = createClock(Math.floor(Date.now() / 1000))
  let handler: RequestListener
  const { port, close } = await listen((request, response) => {
    response.on('finish', () => exchanges.push(describeExchange(request, response)))
    handler(request, response)
  })
  const url = `http://127.0.0.1:${port}`
  const nonce = modes[mode]
  const options: PopMiddlewareOptions = {
    publicUrl: url,
    tokens: resolvers[form](server),
    replay: memoryReplayStore({ restartGuard: 'off', now: clock.now }),
    now: clock.now,
    ...(nonce !== undefined && { nonce }),
    ...(schemes !== undefined && { schemes }),
  }
  handler = await frameworks[framework](options, (request, token, body) => {
    handled.push({ method: request.method ?? '', body, token })
    return { client: token.clientId }
  })
  return { url, clock, exchanges, handled, close }
}

const resolvers: Record<TokenForm, (server: AuthorizationServer) => TokenResolver> = {
  jwt: ({ issuer }) => jwtTokens({ issuer, audience: audiences.jwt, dangerouslyAllowHttp: true }),
  opaque: ({ introspectionEndpoint }) =>
    introspectedTokens({
      endpoint: introspectionEndpoint,
      clientId: api.id,
      clientSecret: api.secret,
      audience: audiences.opaque,
    }),
}

function describeExchange({ headers }: IncomingMessage, response: ServerResponse): Exchange {
  const challenge = response.getHeader('www-authenticate')
  return { headers, status: response.statusCode, challenge: [challenge ?? ''].flat().join(', ') }
}
