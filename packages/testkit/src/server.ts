import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AdapterServer } from './adapter-suite/harness.ts'

/** Serves on a free port of the loopback interface. */
export async function listen(
  handler: RequestListener,
  handled: () => number = () => 0,
): Promise<AdapterServer> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { ...addressOf(server), handled, close: () => closeServer(server) }
}

export function addressOf(server: { address(): unknown }): { readonly port: number } {
  return { port: (server.address() as AddressInfo).port }
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
