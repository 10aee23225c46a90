import { describeToken, listen, type AdapterHarness } from '@oauth-pop/testkit'
import express5 from 'express'
import express4 from 'express4'
import { popMiddleware } from '@oauth-pop/express'

export const expressVersions = {
  'Express 5': express5,
  'Express 4': express4 as unknown as typeof express5,
}

export const hosts: Record<string, AdapterHarness> = Object.fromEntries(
  Object.entries(expressVersions).map(([name, express]) => [name, harness(express)]),
)

function harness(express: typeof express5): AdapterHarness {
  return {
    async start(options, headers = {}) {
      let handled = 0
      const app = express()
      // The default error page would print every refusal of the suite.
      app.set('env', 'test')
      app.use(popMiddleware(options))
      app.use((request, response) => {
        handled += 1
        response.set(headers).json(describeToken(request.accessToken))
      })
      return listen(app, () => handled)
    },
  }
}
