import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, inject, test, vi } from 'vitest'
import {
  provideNginx,
  provideRedis,
  startPostgres,
  startRedis,
  startRedisCluster,
  startRedisPair,
} from '../src/index.ts'

const template = inject('postgresTemplate')
const without = { redis: inject('redis') === '', postgres: inject('postgres') === '' }

describe.skipIf(without.redis)('a real Redis', () => {
  test.each([
    ['none', 'kill', null],
    ['snapshot', 'kill', null],
    ['snapshot', 'shutDown', '1'],
    ['log', 'kill', '1'],
  ] as const)('with persistence %s, after %s, holds %j', async (persistence, end, kept) => {
    const redis = await startRedis({ persistence })
    await redis.send('SET', 'key', '1')
    await redis[end]()
    await expect(redis.send('PING')).rejects.toThrow(/ECONNREFUSED|ENOENT/)
    await redis.restart()
    expect(await redis.send('GET', 'key')).toBe(kept)
    await redis.restart({ data: 'drop' })
    expect(await redis.send('GET', 'key')).toBeNull()
    await redis.stop()
    expect(existsSync(redis.folder)).toBe(false)
  })

  test('frozen, it answers late', async () => {
    const redis = await startRedis()
    redis.freeze()
    const answer = redis.send('PING')
    expect(await Promise.race([answer, delay(100, 'silence')])).toBe('silence')
    redis.thaw()
    expect(await answer).toBe('PONG')
    redis.freeze()
    await redis.stop()
    expect(existsSync(redis.folder)).toBe(false)
  })

  test('a promoted replica has what came before its link broke, and nothing later', async () => {
    const pair = await startRedisPair()
    await pair.master.send('SET', 'before', '1')
    await expect(pair.replica.send('SET', 'x', '1')).rejects.toThrow('READONLY')
    await pair.stopReplication()
    await pair.master.send('SET', 'after', '1')
    await pair.promote()
    expect(await pair.replica.send('MGET', 'before', 'after')).toEqual(['1', null])
    expect(await pair.replica.send('SET', 'x', '1')).toBe('OK')
    await pair.stop()
  })

  test('a cluster fails over when told, and by itself when its master is killed', async () => {
    const clusters = await Promise.all([startRedisCluster(), startRedisCluster()])
    const [told, killed] = clusters
    await told.failOver('FORCE')
    await killed.stopReplication()
    await killed.first.send('SET', 'b', '1') // a slot of the first node
    await killed.killFirst()
    expect(await told.replica.send('SET', 'b', '1')).toBe('OK')
    expect(await killed.replica.send('GET', 'b')).toBeNull()
    await Promise.all(clusters.map((cluster) => cluster.stop()))
  }, 15_000)
})

describe.skipIf(without.postgres)('a real PostgreSQL', () => {
  const ask = async (host: string, text: string): Promise<unknown> => {
    const client = new pg.Client({ host, user: 'postgres' })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query({ text, rowMode: 'array' })).rows
    } finally {
      await client.end()
    }
  }

  test('loses unlogged tables when it is killed, and keeps logged ones', async () => {
    const postgres = await startPostgres({ template })
    const { host } = postgres
    for (const kind of ['unlogged', ''])
      await ask(host, `create ${kind} table t${kind} as select 1 as n`)
    await postgres.kill()
    await expect(ask(host, 'select 1')).rejects.toThrow('ECONNREFUSED')
    await postgres.restart()
    expect(await ask(host, 'select n from t')).toEqual([[1]])
    expect(await ask(host, 'select n from tunlogged')).toEqual([])
    await postgres.restart({ data: 'drop' })
    await expect(ask(host, 'select n from t')).rejects.toThrow('does not exist')
    await postgres.stop()
    expect(existsSync(host)).toBe(false)
  })
})

/** Folders of running processes' command lines. */
function commandLines(): string {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return ids
    .map((id) => {
      try {
        return readFileSync(join('/proc', id, 'cmdline'), 'latin1')
      } catch {
        return ''
      }
    })
    .join('\n')
}

test.skipIf(without.redis || without.postgres || !existsSync('/proc'))(
  'no server and no folder outlives a parent that is killed',
  async () => {
    const script = join(import.meta.dirname, 'orphan.ts')
    const words = ['--conditions=@oauth-pop/source', '--experimental-strip-types', script, template]
    const parent = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const folders = JSON.parse(String(line)) as string[]
    expect(folders.map((folder) => commandLines().includes(folder))).toEqual([true, true])
    parent.kill('SIGKILL')
    await vi.waitFor(() => expect(folders.filter(existsSync)).toEqual([]), 5000)
    expect(folders.filter((folder) => commandLines().includes(folder))).toEqual([])
  },
  15_000,
)

test('without a server it says so aloud, and fails where servers are required', async () => {
  const provide = vi.fn<(key: string, value: unknown) => void>()
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.stubEnv('PATH', '/nonexistent')
  try {
    vi.stubEnv('REQUIRE_SERVERS', '')
    await provideRedis({ provide } as never)
    expect(provide).toHaveBeenCalledExactlyOnceWith('redis', '')
    expect(warn.mock.lastCall?.[0]).toMatch(
      /\*\*\* SKIPPING .*apt-get install .*redis-server \*\*\*/,
    )
    provideNginx({ provide } as never)
    expect(provide).toHaveBeenLastCalledWith('nginx', false)
    expect(warn.mock.lastCall?.[0]).toContain('nginx-light is missing')
    vi.stubEnv('REQUIRE_SERVERS', '1')
    expect(() => provideNginx({ provide } as never)).toThrow('nginx-light is missing')
    await expect(provideRedis({ provide } as never)).rejects.toThrow('redis-server is missing')
  } finally {
    vi.unstubAllEnvs()
    warn.mockRestore()
  }
})
