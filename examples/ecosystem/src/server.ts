import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server of this example, on the loopback interface. */
export interface RunningServer {
  readonly url: string
  close(): Promise<void>
}

/** Starts a server, on a free port unless one is given; the listener is made once the URL is known. */
export async function startServer(
  createListener: (url: string) => RequestListener,
  port = 0,
): Promise<RunningServer> {
  let listener: RequestListener = (_request, response) => response.writeHead(503).end()
  const server = createServer((request, response) => listener(request, response))
  await once(server.listen(port, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  listener = createListener(url)
  return {
    url,
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
