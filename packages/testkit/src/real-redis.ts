import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, ownProcess } from './owned-process.ts'
import { sendToRedis, type RespValue } from './resp.ts'

export interface RedisOptions {
  /**
   * What outlives the process: nothing (`none`, the default), what was there at the last orderly end
   * (`snapshot`), or every write that was answered (`log`, each one synced).
   */
  readonly persistence?: 'none' | 'snapshot' | 'log'
  /** Also listens on this port of the loopback interface. */
  readonly port?: number
  /** More words of the command line, such as `'--maxmemory', '10mb'`. */
  readonly args?: readonly string[]
}

export interface RealRedis {
  /** Path of its socket, which every client takes as an address. */
  readonly socket: string
  readonly port: number | undefined
  readonly folder: string
  /** Sends one command over a connection of its own. Rejects with the server's error. */
  readonly send: (...words: readonly string[]) => Promise<RespValue>
  /** As `kill -9`. */
  readonly kill: () => Promise<void>
  /** An orderly end, with a last snapshot where there is persistence. */
  readonly shutDown: () => Promise<void>
  /** Starts it again after an orderly end, if it runs. `data: 'drop'` deletes what persisted. */
  readonly restart: (options?: { readonly data?: 'keep' | 'drop' }) => Promise<void>
  /** Keeps its connections and answers nothing, until `thaw`. */
  readonly freeze: () => void
  readonly thaw: () => void
  /** Ends it and removes its folder. */
  readonly stop: () => Promise<void>
}

const persistent = {
  none: ['--save', '', '--appendonly', 'no'],
  snapshot: ['--save', '3600 1', '--appendonly', 'no'],
  log: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
}

/** A private Redis that ends with this process. */
export async function startRedis(options: RedisOptions = {}): Promise<RealRedis> {
  const folder = await makeFolder('redis')
  const socket = join(folder, 'redis.sock')
  const { port, persistence = 'none', args = [] } = options
  const listening = ['--bind', '127.0.0.1', '--port', String(port ?? 0), '--unixsocket', socket]
  const storing = ['--dir', folder, ...persistent[persistence], '--repl-diskless-sync-delay', '0']
  const command = ['redis-server', ...listening, ...storing, ...args]
  const server = ownProcess(folder, command, {})
  const send = (...words: readonly string[]): Promise<RespValue> =>
    sendToRedis({ path: socket }, ...words)
  const start = (): Promise<void> =>
    server.start(async () => (await send('PING').catch(() => undefined)) === 'PONG')
  await start()
  return {
    socket,
    port,
    folder,
    send,
    kill: () => server.end('SIGKILL'),
    shutDown: () => server.end('SIGTERM'),
    async restart({ data = 'keep' } = {}) {
      await server.end('SIGTERM')
      if (data === 'drop') await dropData(folder)
      await start()
    },
    freeze: () => server.signal('SIGSTOP'),
    thaw: () => server.signal('SIGCONT'),
    stop: server.stop,
  }
}

async function dropData(folder: string): Promise<void> {
  const kept = new Set(['server.log', 'redis.sock', 'nodes.conf'])
  const names = (await readdir(folder)).filter((name) => !kept.has(name))
  await Promise.all(names.map((name) => rm(join(folder, name), { recursive: true })))
}
