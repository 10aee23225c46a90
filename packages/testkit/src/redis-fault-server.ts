import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { resp, respReader } from './resp.ts'

/**
 * What a Redis can do to a claim. `closed` and `hang` are states of the whole server: nothing listens; or
 * connections are taken and commands wait until the next `answer`, as with a stopped process. The rest
 * concerns claims, while commands that set up a connection are answered. After `apply-then-reset` the
 * command has been carried out, and the client sees a reset.
 */
export type RedisFault =
  | 'closed'
  | 'hang'
  | 'reset'
  | 'apply-then-reset'
  | 'readonly'
  | 'oom'
  | 'loading'
  | 'moved'
  | 'garbage'
  | `slow ${number} ms`

/** `ok`: the answer of the real Redis behind this server, or `+OK` when there is none. A reply is raw RESP. */
export type RedisAnswer = 'ok' | RedisFault | { readonly reply: string }

export interface RedisFaultServer {
  readonly port: number
  /** Names of the commands that came, upper-case, in order. */
  readonly commands: string[]
  /** How many connections have been made. */
  readonly connections: number
  /** How claims are answered from now on, by their words if it is a function. Resolves when this is in force. */
  readonly answer: (
    next: RedisAnswer | ((words: readonly string[]) => RedisAnswer),
  ) => Promise<void>
  readonly close: () => Promise<void>
  /** Listens again on the same port. */
  readonly reopen: () => Promise<void>
}

export interface RedisFaultServerOptions {
  /** Path of the socket of a real Redis. Commands are carried out there, and its answers handed on. */
  readonly upstream?: string
  /** Called when a claim has been carried out. */
  readonly apply?: (words: readonly string[]) => void
}

const errors: Readonly<Record<string, string>> = {
  readonly: "READONLY You can't write against a read only replica.",
  oom: "OOM command not allowed when used memory > 'maxmemory'.",
  loading: 'LOADING Redis is loading the dataset in memory',
  moved: 'MOVED 7777 127.0.0.1:1',
}

const info = '# Server\r\nredis_version:7.0.15\r\nloading:0\r\nrole:master\r\n'

/** node-redis does not go on without it. */
function hello(version: string): string {
  const text = ['server', 'redis', 'version', '7.0.15', 'mode', 'standalone', 'role', 'master']
  const items = [...text.map(resp.bulk), resp.bulk('proto'), resp.integer(Number(version))]
  return version === '3' ? `%${items.length / 2}\r\n${items.join('')}` : resp.array(...items)
}

/** Answers to the commands with which clients set up a connection; every other command is a claim. */
const setUp: Readonly<Record<string, (words: readonly string[]) => string>> = {
  HELLO: ([, version = '2']) => hello(version),
  AUTH: () => resp.simple('OK'),
  CLIENT: () => resp.simple('OK'),
  SELECT: () => resp.simple('OK'),
  INFO: () => resp.bulk(info),
  PING: ([, text]) => (text === undefined ? resp.simple('PONG') : resp.bulk(text)),
  COMMAND: () => resp.array(),
  QUIT: () => resp.simple('OK'),
}

/** A Redis on loopback whose faults a test chooses. */
export async function startRedisFaultServer(
  options: RedisFaultServerOptions = {},
): Promise<RedisFaultServer> {
  let choose = (_words: readonly string[]): RedisAnswer => 'ok'
  let hangs = false
  const resume: (() => void)[] = []
  let connections = 0
  const commands: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    serve(socket)
  })
  await listenOn(server, 0)
  const { port } = server.address() as AddressInfo

  function serve(socket: Socket): void {
    const carryOut = executor(socket, options)
    let turn = Promise.resolve()
    const read = respReader(
      (value, raw) => {
        const words = Array.isArray(value) ? value.map(String) : []
        const name = (words[0] ?? '').toUpperCase()
        commands.push(name)
        turn = turn.then(async () => {
          while (hangs) await new Promise<void>((resolve) => resume.push(resolve))
          if (socket.destroyed) return
          if (Object.hasOwn(setUp, name)) write(socket, await carryOut(words, raw, setUp[name]))
          else await meet(choose(words), words, raw)
        })
      },
      () => socket.end(resp.error('ERR Protocol error')),
    )
    socket.on('data', read)

    async function meet(next: RedisAnswer, words: readonly string[], raw: Buffer): Promise<void> {
      if (typeof next === 'object') return write(socket, next.reply)
      if (next === 'closed') return close()
      if (next === 'hang') return new Promise((resolve) => socket.once('close', () => resolve()))
      if (next === 'reset') return void socket.resetAndDestroy()
      if (next === 'garbage') return write(socket, 'HTTP/1.1 400 Bad Request\r\n\r\n')
      if (errors[next] !== undefined) return write(socket, resp.error(errors[next]))
      if (next.startsWith('slow '))
        await delay(Number(next.split(' ')[1]), undefined, { ref: false })
      const reply = await carryOut(words, raw)
      options.apply?.(words)
      if (next === 'apply-then-reset') socket.resetAndDestroy()
      else write(socket, reply)
    }
  }

  async function close(): Promise<void> {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }

  function wake(): void {
    for (const go of resume.splice(0)) go()
  }

  async function reopen(): Promise<void> {
    if (!server.listening) await listenOn(server, port)
  }

  return {
    port,
    commands,
    get connections() {
      return connections
    },
    async answer(next) {
      choose = typeof next === 'function' ? next : () => next
      hangs = next === 'hang'
      wake()
      await (next === 'closed' ? close() : reopen())
    },
    async close() {
      hangs = false
      wake()
      await close()
    },
    reopen,
  }
}

type Execute = (
  words: readonly string[],
  raw: Buffer,
  own?: (words: readonly string[]) => string,
) => Promise<string | Buffer>

/** Carries out commands at the real Redis, over a connection for each of the client's, or answers itself. */
function executor(client: Socket, { upstream }: RedisFaultServerOptions): Execute {
  if (upstream === undefined) return async (words, _raw, own) => own?.(words) ?? resp.simple('OK')
  const waiting: ((reply: Buffer) => void)[] = []
  const socket = connect(upstream)
  const read = respReader(
    (_value, raw) => waiting.shift()?.(Buffer.from(raw)),
    () => client.destroy(),
  )
  socket.on('data', read)
  socket.on('error', () => {})
  socket.on('close', () => client.destroy())
  client.on('close', () => socket.destroy())
  return (_words, raw) =>
    new Promise((resolve) => {
      waiting.push(resolve)
      socket.write(raw)
    })
}

function write(socket: Socket, reply: string | Buffer): void {
  if (socket.writable) socket.write(reply)
}

function listenOn(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}
