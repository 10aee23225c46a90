import { createGuards, describeToken, listen, type AdapterHarness } from '@oauth-pop/testkit'
import express5 from 'express'
import express4 from 'express4'
import * as pop from '@oauth-pop/express'

export const expressVersions = {
  'Express 5': express5,
  'Express 4': express4 as unknown as typeof express5,
}

export const hosts: Record<string, AdapterHarness> = Object.fromEntries(
  Object.entries(expressVersions).map(([name, express]) => [name, harness(express)]),
)

function harness(express: typeof express5): AdapterHarness {
  return {
    async start(
      options,
      { headers = {}, guards = {}, failure, trustsProxy = false, unverified, tls } = {},
    ) {
      let handled = 0
      const app = express()
      // The default error page would print every refusal of the suite.
      app.set('env', 'test')
      app.set('trust proxy', trustsProxy)
      app.use((request, _response, next) => {
        Object.assign(request, unverified && { accessToken: unverified })
        next()
      })
      app.use(pop.popMiddleware(options), ...createGuards(guards, pop))
      app.use((request, response) => {
        handled += 1
        if (failure !== undefined) throw new Error(failure)
        response.set(headers).json(describeToken(request.accessToken))
      })
      return listen(app, () => handled, tls)
    },
  }
}
