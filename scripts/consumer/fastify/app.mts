import oauthPop, {
  jwtTokens,
  popPlugin,
  requireAnyScope,
  requireAuthentication,
  requireClaims,
  requireCoverage,
  requireScheme,
  requireScopes,
  requireToken,
  type AccessToken,
  type PopGuard,
  type PopPluginOptions,
} from '@oauth-pop/fastify'
import fastify, { type FastifyTypeProvider } from 'fastify'

export async function start(port: number, options: PopPluginOptions): Promise<() => Promise<void>> {
  const app = fastify({ forceCloseConnections: true })
  await app.register(oauthPop, options)
  app.get(
    '/photos',
    { preHandler: requireScopes('photos:read') },
    (request) => request.accessToken.subject,
  )
  await app.listen({ port, host: '127.0.0.1' })
  return async () => {
    await app.close()
  }
}

const tokens = jwtTokens({ issuer: 'https://as.example.com', audience: 'api' })
const http1 = fastify()
await http1.register(popPlugin, { publicUrl: 'request', tokens })
http1.get('/open', { config: { pop: false } }, () => 'open')
http1.get<{ Querystring: { a: string } }>(
  '/several',
  { preHandler: [requireAnyScope('a', 'b'), requireClaims((claims) => claims['x'] === 1)] },
  (request) => {
    const { subject }: AccessToken = request.accessToken
    return `${subject} ${request.query.a}`
  },
)
const http2 = fastify({ http2: true })
await http2.register(popPlugin, { publicUrl: 'request', tokens })
http2.post(
  '/signed',
  { preHandler: [requireCoverage({ body: true }), requireAuthentication({ maxAgeSeconds: 5 })] },
  (request) => request.accessToken.scopes,
)

interface Shapes extends FastifyTypeProvider {
  readonly validator: this['schema'] extends { shape: infer Shape } ? Shape : unknown
}
const typed = fastify().withTypeProvider<Shapes>()
await typed.register(oauthPop, () => ({ publicUrl: 'request', tokens }))
const guards: PopGuard[] = [
  requireToken(),
  requireScheme('DPoP'),
  requireScopes('x'),
  requireAnyScope('a', 'b'),
]
typed.post(
  '/typed',
  { schema: { body: { shape: { name: '' } } }, preHandler: guards },
  ({ body, accessToken }) => body.name.concat(accessToken.scope),
)

// @ts-expect-error true or false
export const odd = () => http1.get('/odd', { config: { pop: 'no' } }, () => '')
// @ts-expect-error publicUrl is required
export const incomplete = () => http1.register(oauthPop, { tokens })
// @ts-expect-error a misspelled name
export const misspelled: PopPluginOptions = { publicUrl: 'request', tokens, optinal: true }
