import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { redisReplayStore, type RedisReplayStoreOptions } from '@oauth-pop/redis'
import {
  availableServers,
  createReplayEntry,
  startRedis,
  startRedisCluster,
  startRedisPair,
  type RealRedis,
} from '@oauth-pop/testkit'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { findPrefix } from './cluster-prefix.ts'

const send: RedisReplayStoreOptions['send'] = () => new Promise(() => {})

test.each([
  [{}, 'redisReplayStore send is missing: write send: (command) => client.call(...command)'],
  [{ send: 'x' }, 'redisReplayStore send is missing'],
  [{ send, prefix: '' }, 'redisReplayStore prefix must be 1 to 64 letters'],
  [{ send, prefix: '{a}' }, 'redisReplayStore prefix must be 1 to 64 letters'],
  [{ send, deadlineMilliseconds: 0 }, 'deadlineMilliseconds must be from 1 to 250'],
  [{ send, deadlineMilliseconds: 251 }, 'deadlineMilliseconds must be from 1 to 250'],
  [{ send, maxEntriesPerOwner: -1 }, 'maxEntriesPerOwner must be a whole number'],
  [{ send, now: 5 }, 'redisReplayStore now must be a function'],
  [{ send, wait: { replicas: 0, milliseconds: 50 } }, 'wait: { replicas: 1, milliseconds: 50 }'],
  [{ send, wait: { replicas: 1 } }, 'wait: { replicas: 1, milliseconds: 50 }'],
  [{ send, ttl: 5 }, 'redisReplayStore has no option "ttl"'],
])('the options %o are refused at start-up', (options, message) => {
  expect(() => redisReplayStore(options as never)).toThrow(
    expect.objectContaining({
      name: 'TypeError',
      code: expect.stringMatching(/^ERR_POP_OPTION_/) as string,
      message: expect.stringContaining(message) as string,
    }),
  )
})

/** A proof that is younger than the memory of a server that has just started. */
const proof = (id: string): ReturnType<typeof createReplayEntry> =>
  createReplayEntry(id, Math.floor(Date.now() / 1000) + 2)

const storeOn = (
  { send: ask }: RealRedis,
  options: Partial<RedisReplayStoreOptions> = {},
): ReturnType<typeof redisReplayStore> =>
  redisReplayStore({ send: (command) => ask(...command), deadlineMilliseconds: 250, ...options })

const warnings: string[] = []
beforeEach(() => {
  warnings.length = 0
  vi.spyOn(process, 'emitWarning').mockImplementation((message) => void warnings.push(`${message}`))
})
afterEach(() => void vi.restoreAllMocks())

describe.skipIf(!availableServers().redis)('a Redis that may lose entries', () => {
  test.each([
    [['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'], 'maxmemory-policy allkeys-lru'],
    [['--maxmemory', '100mb', '--maxmemory-policy', 'volatile-ttl'], 'set noeviction'],
    [['--maxmemory', '100mb', '--maxmemory-policy', 'noeviction'], undefined],
    [['--maxmemory-policy', 'allkeys-lru'], undefined],
  ])(
    'by eviction is warned of at the start: %j',
    { tags: ['rule-replay-eviction'] },
    async (args, warning) => {
      const server = await startRedis({ args })
      storeOn(server)
      await delay(300)
      const isTold = warnings.map((text) => text.includes(warning ?? 'nothing'))
      expect(isTold).toEqual(warning === undefined ? [] : [true])
      await server.stop()
    },
  )

  test(
    'by failover is warned of, unless claims wait for its replicas',
    { tags: ['rule-replay-wait'], timeout: 20_000 },
    async () => {
      const pair = await startRedisPair()
      storeOn(pair.master)
      await vi.waitFor(() => expect(warnings).toHaveLength(1))
      expect(warnings[0]).toContain('set wait, or min-replicas-to-write')
      warnings.length = 0
      storeOn(pair.master, { prefix: 'waits', wait: { replicas: 1, milliseconds: 50 } })
      await delay(300)
      expect(warnings).toEqual([])
      await pair.stop()
    },
  )

  test(
    'with wait, a use that no replica has is 503, and stays used',
    { tags: ['rule-replay-wait'], timeout: 20_000 },
    async () => {
      const pair = await startRedisPair()
      // One connection, so that WAIT is for the claim before it.
      const { Redis } = await import('ioredis')
      const client = new Redis(pair.master.socket)
      const store = redisReplayStore({
        send: (command) => client.call(...command),
        deadlineMilliseconds: 250,
        wait: { replicas: 1, milliseconds: 50 },
      })
      // However long a busy replica takes for its first answers.
      await vi.waitFor(
        async () => expect(await store.claim(proof(`${Math.random()}`))).toBe(true),
        { timeout: 10_000 },
      )
      await pair.stopReplication()
      const unseen = proof('b')
      await expect(store.claim(unseen)).rejects.toMatchObject({
        code: 'ERR_POP_REPLAY_UNAVAILABLE',
        message: expect.stringContaining('not all of the 1 replicas') as string,
      })
      expect(await store.claim(unseen)).toBe(false)
      client.disconnect()
      await pair.stop()
    },
  )

  test(
    'with wait, a cluster is refused, because nobody knows which node a WAIT reaches',
    { tags: ['rule-replay-wait'], timeout: 30_000 },
    async () => {
      const cluster = await startRedisCluster()
      const prefix = await findPrefix(cluster.first)
      const store = storeOn(cluster.first, { prefix, wait: { replicas: 1, milliseconds: 50 } })
      await expect(store.claim(proof('a'))).rejects.toThrow('wait does not work in a cluster')
      await cluster.stop()
    },
  )
})

describe.skipIf(!availableServers().redis)('what is no place for entries', () => {
  test.each([
    ['a key of another kind', ['SET', '{pop}:epoch', 'x'], 'choose another one'],
    ['a replica', ['REPLICAOF', '127.0.0.1', '1'], 'this is a replica: send to the master'],
    [
      'a user without rights in the script',
      ['ACL', 'SETUSER', 'default', '-time'],
      'the user needs EVAL',
    ],
    [
      'a user without rights',
      ['ACL', 'SETUSER', 'default', '-evalsha', '-eval'],
      'the user needs EVAL',
    ],
  ])(
    '%s is found at the first claim and named',
    { tags: ['attack-134'] },
    async (_, spoil, hint) => {
      const server = await startRedis()
      await server.send(...spoil)
      await expect(storeOn(server).claim(proof('a'))).rejects.toMatchObject({
        code: 'ERR_POP_REPLAY_UNAVAILABLE',
        message: expect.stringContaining(hint) as string,
      })
      await server.stop()
    },
  )

  test(
    'a Redis that cannot save is found at the next claim and named, and claims again once it has saved',
    { tags: ['attack-134'] },
    async () => {
      const server = await startRedis({ persistence: 'snapshot' })
      const store = storeOn(server)
      const used = proof('used')
      expect(await store.claim(used)).toBe(true)
      const inTheWay = join(server.folder, 'dump.rdb')
      await mkdir(inTheWay)
      await save(server, 'err')
      await expect(store.claim(proof('a'))).rejects.toMatchObject({
        code: 'ERR_POP_REPLAY_UNAVAILABLE',
        message: expect.stringContaining('Redis cannot save to its disk') as string,
      })
      expect(await store.claim(used)).toBe(false)
      await rmdir(inTheWay)
      await save(server, 'ok')
      expect(await store.claim(proof('a'))).toBe(true)
      await server.stop()
    },
  )

  async function save({ send: ask }: RealRedis, outcome: 'ok' | 'err'): Promise<void> {
    await ask('BGSAVE')
    await vi.waitFor(
      async () => {
        const info = String(await ask('INFO', 'persistence'))
        expect(info).toContain('rdb_bgsave_in_progress:0')
        expect(info).toContain(`rdb_last_bgsave_status:${outcome}`)
      },
      { timeout: 5000 },
    )
  }
})
