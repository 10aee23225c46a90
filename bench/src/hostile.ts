import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { startChild, type Child } from './child.ts'

export const hostileHosts = [
  'Express',
  'Fastify',
  'Fastify, HTTP/2',
  'Koa',
  'Koa, HTTP/2',
  'Nest on Express',
  'Nest on Fastify',
] as const
export type HostileHost = (typeof hostileHosts)[number]

export interface Ports {
  readonly bare: number
  readonly adapter: number
}

/** What a server says of itself since it was last asked. */
export interface Figures {
  /** The longest turn of its event loop, in milliseconds. */
  readonly stall: number
  /** The resident set, in bytes. */
  readonly rss: number
  /** Heap and buffers after a full collection, in bytes. */
  readonly held: number
}

/** What a stranger sends: anything, to one place. */
export interface Hostile {
  readonly method: 'GET' | 'POST'
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** As built, because Node does not run Nest's decorators. */
export function startHostileServer(
  host: HostileHost,
  publicUrl: string,
  mode: 'watch' | 'weigh',
): Promise<Child<Ports>> {
  const file = new URL('./hostile-server.ts', import.meta.url)
  return startChild(file, [host, publicUrl, mode], ['--expose-gc', '--no-deprecation'])
}

const patienceMs = 20_000

/** Sends one request and waits for the first byte of an answer, or for the end of the connection. */
export function sendOnce(port: number, { method, target, headers, body }: Hostile): Promise<void> {
  const length =
    body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body, 'latin1')) }
  const lines = Object.entries({ Host: 'api.example.com', ...headers, ...length })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const timer = setTimeout(() => socket.destroy(), patienceMs)
    socket.write(`${method} ${target} HTTP/1.1\r\n${head}\r\n${body ?? ''}`, 'latin1')
    socket.once('data', () => socket.destroy())
    socket.on('error', () => {})
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** The same over HTTP/2, where Node lets larger headers pass. */
export async function sendHttp2(port: number, hostile: Hostile): Promise<void> {
  const { method, target, body } = hostile
  const { Host = 'api.example.com', ...headers } = hostile.headers
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  try {
    const pseudo = { ':method': method, ':path': target, ':authority': Host }
    await exchange(session, { ...pseudo, ...headers }, body)
  } catch {
    // A text that the client itself does not send.
  } finally {
    session.destroy()
  }
}

function exchange(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  body: string | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, patienceMs)
    const end = (): void => {
      clearTimeout(timer)
      resolve()
    }
    session.once('close', end)
    try {
      const stream = session.request(headers, { endStream: body === undefined })
      stream.once('response', end).once('close', end).on('error', end)
      if (body !== undefined) stream.end(body, 'latin1')
    } catch (error) {
      clearTimeout(timer)
      reject(error instanceof Error ? error : new Error(String(error)))
    }
  })
}
