import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { HttpRequest } from '@oauth-pop/core'

/** A keep-alive connection. The client of `node:http` would cost more than some of the servers. */
interface Connection {
  readonly socket: Socket
  readonly responses: AsyncIterator<unknown>
}

/** A server under load. */
export interface Load {
  /**
   * Sends each message once, over all connections; rejects if one is not answered with 200.
   * Resolves to the milliseconds that each had to wait.
   */
  send(messages: readonly string[]): Promise<readonly number[]>
  close(): void
}

/** @param idle whether to poll while waiting, or to leave the core to the threads of the server */
export async function openLoad(
  port: number,
  count: number,
  idle: 'poll' | 'sleep' = 'poll',
): Promise<Load> {
  const connections = await Promise.all(Array.from({ length: count }, () => open(port)))
  return {
    async send(messages) {
      const queue = messages.values()
      const rest = idle === 'poll' ? stayAwake() : () => {}
      try {
        return (await Promise.all(connections.map((each) => work(each, queue)))).flat()
      } finally {
        rest()
      }
    },
    close() {
      for (const { socket } of connections) socket.destroy()
    },
  }
}

async function open(port: number): Promise<Connection> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1')
  await once(socket, 'connect')
  return { socket, responses: socket[Symbol.asyncIterator]() }
}

/** Waking this process up would be the server's work, and dearer than some of what is measured. */
function stayAwake(): () => void {
  let immediate = setImmediate(function again() {
    immediate = setImmediate(again)
  })
  return () => clearImmediate(immediate)
}

/** The answers are so small that each arrives in one piece. */
async function work(
  { socket, responses }: Connection,
  queue: Iterable<string>,
): Promise<readonly number[]> {
  const waited: number[] = []
  for (const message of queue) {
    const sent = performance.now()
    socket.write(message, 'latin1')
    const { value } = await responses.next()
    waited.push(performance.now() - sent)
    if (!String(value).startsWith('HTTP/1.1 200 ')) throw new Error(`not accepted: ${value}`)
  }
  return waited
}

export function toMessage({
  method,
  target,
  rawHeaders,
}: Pick<HttpRequest, 'method' | 'target' | 'rawHeaders'>): string {
  const lines = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`))
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`
}
