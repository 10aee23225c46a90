import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import {
  popMiddleware,
  requireCoverage,
  requireScopes,
  type PopMiddlewareOptions,
} from '@oauth-pop/koa'
import Koa from 'koa'

export function createApi(options: PopMiddlewareOptions): Koa {
  const open = new Router().get('/health', (ctx) => {
    ctx.body = { status: 'ok' }
  })
  const router = new Router()
  router.get('/photos', requireScopes('photos:read'), (ctx) => {
    ctx.body = { owner: ctx.state.accessToken.subject, photos: ['cat.jpg'] }
  })
  router.post('/photos', requireScopes('photos:write'), requireCoverage({ body: true }), (ctx) => {
    ctx.status = 201
    ctx.body = { owner: ctx.state.accessToken.subject, added: ctx.request.body }
  })

  const app = new Koa()
  app.use(open.routes())
  app.use(popMiddleware(options))
  app.use(bodyParser())
  app.use(router.routes())
  return app
}
