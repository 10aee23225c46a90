import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { makeFolder, ownProcess, run, type User } from './owned-process.ts'

export interface PostgresOptions {
  /** A folder made by `initdb` to copy, which is ten times faster than to make one: `inject('postgresTemplate')`. */
  readonly template?: string
  /** More words for `initdb`, where there is no template. */
  readonly initArgs?: readonly string[]
  /** Sync each commit to the disk, as in production. Default `false`. */
  readonly durable?: boolean
  /** More words of the command line, such as `'-c', 'max_connections=20'`. */
  readonly args?: readonly string[]
}

export interface RealPostgres {
  /** The folder of its socket: the `host` of every client. User and database are `postgres`; no password. */
  readonly host: string
  /** Path of the socket itself. */
  readonly socket: string
  /** As `kill -9` of the whole server. Unlogged tables are empty afterwards. */
  readonly kill: () => Promise<void>
  /** An orderly end, which does not wait for clients. */
  readonly shutDown: () => Promise<void>
  /** Starts it again after an orderly end, if it runs. `data: 'drop'` begins with an empty database. */
  readonly restart: (options?: { readonly data?: 'keep' | 'drop' }) => Promise<void>
  /** New sessions write no file beyond so many bytes, as on a full disk, until the server starts again. */
  readonly limitFiles: (bytes: number) => Promise<void>
  /** Ends it and removes its folder. */
  readonly stop: () => Promise<void>
}

/** The folder with `initdb` and `postgres`, newest first; undefined where there is none. */
export function findPostgres(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian) : []
  const folders = versions
    .toSorted((one, other) => Number(other) - Number(one))
    .map((version) => join(debian, version, 'bin'))
  return [...(process.env['PATH'] ?? '').split(delimiter), ...folders].find((folder) =>
    ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))),
  )
}

/** PostgreSQL refuses to run as root. */
function postgresUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const ask = (flag: string, name: string): number =>
    Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout || Number.NaN)
  const name = Number.isNaN(ask('-u', 'postgres')) ? 'nobody' : 'postgres'
  return { uid: ask('-u', name), gid: ask('-g', name) }
}

/** Makes an empty database in `folder`. */
async function initialise(
  folder: string,
  user: User | undefined,
  args: readonly string[] = [],
): Promise<void> {
  const words = ['-D', folder, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C']
  await run(join(findPostgres() ?? '', 'initdb'), [...words, '--no-sync', ...args], user)
}

/** A private PostgreSQL that ends with this process. It listens on its socket alone. */
export async function startPostgres(options: PostgresOptions = {}): Promise<RealPostgres> {
  const user = postgresUser()
  const folder = await makeFolder('postgres', user)
  const data = join(folder, 'data')
  const { durable = false, args = [] } = options
  const words = ['-D', data, '-k', folder, '-c', 'listen_addresses=']
  const quick = durable ? [] : ['-c', 'fsync=off', '-c', 'full_page_writes=off']
  const program = join(findPostgres() ?? '', 'postgres')
  const command = [program, ...words, ...quick, '-c', 'shared_buffers=32MB', ...args]
  // SIGQUIT: it ends at once, and its children first
  const server = ownProcess(folder, command, { user, stopSignal: 'QUIT' })
  const socket = join(folder, '.s.PGSQL.5432')
  const start = (): Promise<void> => server.start(() => accepts(socket))
  const create = async (): Promise<void> => {
    if (options.template === undefined) await initialise(data, user, options.initArgs)
    else await run('cp', ['-R', '-p', options.template, data], user)
  }
  try {
    await create()
    await start()
  } catch (error) {
    await server.stop()
    throw error
  }
  return {
    host: folder,
    socket,
    kill: () => server.end('SIGKILL'),
    shutDown: () => server.end('SIGINT'),
    async restart({ data: fate = 'keep' } = {}) {
      await server.end('SIGINT')
      if (fate === 'drop') {
        await run('rm', ['-rf', data], user)
        await create()
      }
      await start()
    },
    async limitFiles(bytes) {
      await run('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:`], user)
    },
    stop: server.stop,
  }
}

/** An empty database to copy, which is removed with this process. */
export async function makePostgresTemplate(): Promise<{
  readonly template: string
  readonly remove: () => Promise<void>
}> {
  const user = postgresUser()
  const folder = await makeFolder('postgres-template', user)
  const keeper = ownProcess(folder, ['true'], { user })
  const template = join(folder, 'data')
  await initialise(template, user)
  return { template, remove: keeper.stop }
}

/** Whether a session can be opened: a start-up message is met with "authenticated", not with an error. */
function accepts(path: string): Promise<boolean> {
  const text = Buffer.from('user\0postgres\0database\0postgres\0\0')
  const head = Buffer.alloc(8)
  head.writeInt32BE(head.length + text.length, 0)
  head.writeInt32BE(3 << 16, 4)
  return new Promise((resolve) => {
    const socket = connect(path, () => socket.write(Buffer.concat([head, text])))
    socket.setTimeout(1000, () => socket.destroy())
    socket.on('error', () => {})
    socket.on('close', () => resolve(false))
    socket.on('data', (chunk: Buffer) => {
      resolve(chunk[0] === 0x52)
      socket.end(Buffer.from([0x58, 0, 0, 0, 4]))
    })
  })
}
