import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { AdapterServer, ServerTls } from './adapter-suite/harness.ts'

/** Serves on a free port of the loopback interface. */
export async function listen(
  handler: RequestListener,
  handled: () => number = () => 0,
  tls?: ServerTls,
): Promise<AdapterServer> {
  const server = createServer(handler, tls)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return { ...addressOf(server), handled, close }
}

export function addressOf(server: { address(): unknown }): { readonly port: number } {
  return { port: (server.address() as AddressInfo).port }
}

/** The options of Fastify for TLS; its types tell kinds of servers apart that a test does not. */
export function fastifyTls(tls: ServerTls | undefined): object {
  if (tls === undefined) return {}
  const { http2 = false, ...options } = tls
  return { http2, https: { ...options, allowHTTP1: true } }
}

function createServer(handler: RequestListener, tls: ServerTls | undefined): Server {
  if (tls === undefined) return createHttpServer(handler)
  const { http2 = false, ...options } = tls
  if (!http2) return createHttpsServer(options, handler)
  // Frameworks take the requests of both protocols with one function.
  const both = handler as unknown as (
    request: Http2ServerRequest,
    response: Http2ServerResponse,
  ) => void
  return createSecureServer({ ...options, allowHTTP1: true }, both)
}
