import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A private Redis, without persistence. */
export interface PrivateRedis {
  readonly socket: string
  /** As `kill -9`. */
  readonly kill: () => Promise<void>
  readonly start: () => Promise<void>
  /** Ends it and removes its folder. */
  readonly stop: () => Promise<void>
}

export function hasRedis(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0
}

export async function startRedis(): Promise<PrivateRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'oauth-pop-fleet-'))
  const socket = join(folder, 'redis.sock')
  let server: ChildProcess

  async function start(): Promise<void> {
    const persistence = ['--save', '', '--appendonly', 'no']
    const words = ['--port', '0', '--unixsocket', socket, '--dir', folder, ...persistence]
    server = spawn('redis-server', words, { stdio: 'ignore' })
    while (!(await answers(socket))) await delay(20)
  }

  async function kill(): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill('SIGKILL')
    await ended
  }

  await start()
  process.once('exit', () => server.kill('SIGKILL'))
  return {
    socket,
    kill,
    start,
    async stop() {
      await kill()
      await rm(folder, { recursive: true })
    },
  }
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket, () => {
      connection.destroy()
      resolve(true)
    })
    connection.on('error', () => resolve(false))
  })
}
