import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describeAdapter, describeToken, type AdapterServer } from '@oauth-pop/testkit'
import express5 from 'express'
import express4 from 'express4'
import { popMiddleware, type PopMiddlewareOptions } from '@oauth-pop/express'

const versions = { 'Express 5': express5, 'Express 4': express4 as unknown as typeof express5 }

for (const [name, express] of Object.entries(versions)) {
  describeAdapter(name, {
    async start(options: PopMiddlewareOptions, headers = {}): Promise<AdapterServer> {
      let handled = 0
      const app = express()
      // The default error page would print every refusal of the suite.
      app.set('env', 'test')
      app.use(popMiddleware(options))
      app.use((request, response) => {
        handled += 1
        response.set(headers).json(describeToken(request.accessToken))
      })
      const server = createServer(app)
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return {
        port: (server.address() as AddressInfo).port,
        handled: () => handled,
        close: async () => {
          server.closeAllConnections()
          await new Promise((resolve) => server.close(resolve))
        },
      }
    },
  })
}
