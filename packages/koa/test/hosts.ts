import { createGuards, describeToken, listen, type AdapterHarness } from '@oauth-pop/testkit'
import Koa3 from 'koa'
// @ts-expect-error Koa 2 takes the types of Koa 3 here
import Koa2 from 'koa2'
import * as pop from '@oauth-pop/koa'

export const koaVersions = { 'Koa 3': Koa3, 'Koa 2': Koa2 as unknown as typeof Koa3 }

export const hosts: Record<string, AdapterHarness> = Object.fromEntries(
  Object.entries(koaVersions).map(([name, Koa]) => [name, harness(Koa)]),
)

function harness(Koa: typeof Koa3): AdapterHarness {
  return {
    speaksHttp2: true,
    async start(
      options,
      { headers = {}, guards = {}, failure, trustsProxy = false, unverified, tls } = {},
    ) {
      let handled = 0
      const app = new Koa()
      app.silent = true
      app.proxy = trustsProxy
      app.use((ctx, next) => {
        Object.assign(ctx.state, unverified && { accessToken: unverified })
        return next()
      })
      app.use(pop.popMiddleware(options))
      for (const guard of createGuards(guards, pop)) app.use(guard)
      app.use((ctx) => {
        handled += 1
        if (failure !== undefined) throw new Error(failure)
        ctx.set(headers)
        ctx.body = describeToken(ctx.state.accessToken)
      })
      const handle = app.callback()
      return listen(
        (request, response) => void handle(request, response),
        () => handled,
        tls,
      )
    },
  }
}
