import Koa = require('koa')
import pop = require('@oauth-pop/koa')

const tokens = pop.storedTokens(() => undefined, { audience: 'api' })
export const app = new Koa()
  .use(pop.popMiddleware({ publicUrl: 'https://api.example.com', tokens }))
  .use(pop.requireScopes('photos:read'))
  .use((ctx) => {
    ctx.body = ctx.state.accessToken.subject
  })
