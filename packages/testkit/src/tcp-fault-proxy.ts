import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/**
 * How a proxy treats what passes. `refuse`: nothing listens, what there was is closed. `stall`: connections
 * stay and nothing moves, until the mode changes. `cut` and `reset`: every connection ends, orderly or
 * not, also a new one. `cut-after-request`: a request is handed on, and its first answer becomes a reset,
 * so it has been carried out; the first answer on a connection, which belongs to the handshake, passes.
 */
export type ProxyMode = 'pass' | 'refuse' | 'stall' | 'cut' | 'reset' | 'cut-after-request'

export interface TcpFaultProxy {
  readonly port: number
  /** How many connections have been made. */
  readonly connections: number
  /** From now on. Resolves when this is in force. */
  readonly set: (mode: ProxyMode) => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * A proxy on loopback, in front of a socket's path or a port, whose faults a test chooses.
 *
 * @param delayMilliseconds what passes is on its way for so long in each direction, as in a network
 */
export async function startTcpFaultProxy(
  target: { readonly path: string } | { readonly port: number },
  { delayMilliseconds = 0 }: { readonly delayMilliseconds?: number } = {},
): Promise<TcpFaultProxy> {
  /** In order: timers of one length are. */
  function arrive(act: () => unknown): void {
    if (delayMilliseconds === 0) act()
    else setTimeout(act, delayMilliseconds)
  }
  let mode: ProxyMode = 'pass'
  let connections = 0
  const pairs = new Set<readonly [Socket, Socket]>()
  const server = createServer({ noDelay: true }, (client) => {
    connections += 1
    client.on('error', () => {})
    if (mode === 'cut') return void client.destroy()
    if (mode === 'reset') return void client.resetAndDestroy()
    join(client, connect({ host: '127.0.0.1', ...target }))
  })
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
  await listen(0)
  const { port } = server.address() as AddressInfo

  function join(client: Socket, upstream: Socket): void {
    const pair = [client, upstream] as const
    pairs.add(pair)
    let exchanges = 0
    let asking = false
    upstream.on('error', () => {})
    client.on('data', (chunk: Buffer) => {
      if (!asking) exchanges += 1
      asking = true
      arrive(() => upstream.write(chunk))
    })
    upstream.on('data', (chunk: Buffer) => {
      asking = false
      if (mode === 'cut-after-request' && exchanges > 1) client.resetAndDestroy()
      else arrive(() => client.write(chunk))
    })
    client.on('end', () => arrive(() => upstream.end()))
    upstream.on('end', () => arrive(() => client.end()))
    for (const [one, other] of [pair, [upstream, client]] as const) {
      one.on('close', () => {
        other.destroy()
        pairs.delete(pair)
      })
    }
    if (mode === 'stall') for (const socket of pair) socket.pause()
  }

  async function stopListening(): Promise<void> {
    for (const [client] of pairs) client.destroy()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }

  return {
    port,
    get connections() {
      return connections
    },
    async set(next) {
      mode = next
      if (mode === 'refuse') return stopListening()
      for (const [client, upstream] of pairs) {
        if (mode === 'cut') client.destroy()
        else if (mode === 'reset') client.resetAndDestroy()
        for (const socket of [client, upstream]) {
          if (mode === 'stall') socket.pause()
          else socket.resume()
        }
      }
      if (!server.listening) await listen(port)
    },
    close: stopListening,
  }
}
