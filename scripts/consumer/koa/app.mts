import Router from '@koa/router'
import {
  jwtTokens,
  popMiddleware,
  requireAnyScope,
  requireAuthentication,
  requireClaims,
  requireCoverage,
  requireScheme,
  requireScopes,
  requireToken,
  type AccessToken,
  type PopMiddlewareOptions,
} from '@oauth-pop/koa'
import Koa from 'koa'

export async function start(
  port: number,
  options: PopMiddlewareOptions,
): Promise<() => Promise<void>> {
  const app = new Koa()
  const router = new Router()
  app.use(popMiddleware(options))
  router.get('/photos', requireScopes('photos:read'), (ctx) => {
    ctx.body = ctx.state.accessToken.subject
  })
  app.use(router.routes())
  const server = app.listen(port, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return async () => {
    server.close().closeAllConnections()
  }
}

const tokens = jwtTokens({ issuer: 'https://as.example.com', audience: 'api' })
const router = new Router<{ accessToken: AccessToken; user: string }>()
router.get(
  '/several',
  requireToken(),
  requireScheme('PoP', 'DPoP'),
  requireAnyScope('a', 'b'),
  requireClaims((claims) => claims['x'] === 1),
  requireCoverage({ headers: ['x-tenant'] }),
  requireAuthentication({ acrValues: ['phr'], maxAgeSeconds: 300 }),
  (ctx) => {
    const { subject }: AccessToken = ctx.state.accessToken
    ctx.body = [subject, ctx.state.user]
  },
)
export const app = new Koa<{ accessToken: AccessToken; user: string }>()
  .use(popMiddleware({ publicUrl: 'request', tokens }))
  .use(router.routes())
  .use((ctx) => {
    ctx.body = ctx.state.accessToken.scopes
  })

const own = new Koa<{ user: string }>()
own.use(popMiddleware({ publicUrl: 'request', tokens }))
own.use(requireScopes('x')).use((ctx) => {
  ctx.body = [ctx.state.user.length, ctx.state.accessToken.scope.length]
})

new Koa().use((ctx) => {
  // @ts-expect-error no such member
  ctx.body = ctx.state.accessToken.subjekt
})
// @ts-expect-error publicUrl is required
export const incomplete = () => popMiddleware({ tokens })
// @ts-expect-error a misspelled name
export const misspelled = () => popMiddleware({ publicUrl: 'request', tokens, optinal: true })
