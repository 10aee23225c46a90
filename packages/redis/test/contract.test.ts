import { setTimeout as delay } from 'node:timers/promises'
import { redisReplayStore, type RedisReplayStoreOptions } from '@oauth-pop/redis'
import {
  createReplayEntry,
  describeReplayStore,
  startTcpFaultProxy,
  type TcpFaultProxy,
} from '@oauth-pop/testkit'
import { GlideClient } from '@valkey/valkey-glide'
import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

const socket = inject('redis')
let prefixes = 0

describe.skipIf(socket === '')('on a real Redis', () => {
  const client = new Redis(socket, { lazyConnect: true })
  const send = (command: [string, ...string[]]): Promise<unknown> => client.call(...command)
  afterAll(() => client.disconnect())

  describeReplayStore(
    'redisReplayStore',
    async (limits) => {
      prefixes += 1
      const prefix = `contract${prefixes}`
      const sibling = (): ReturnType<typeof redisReplayStore> =>
        redisReplayStore({ send, prefix, ...limits })
      const store = sibling()
      // Its memory begins now, and the proofs of this second may be older.
      await delay(1600)
      return {
        store,
        sibling,
        now: Date.now,
        pass: (seconds) => delay(seconds * 1000),
        async forget() {
          await client.del(await client.keys(`{${prefix}}:*`))
        },
      }
    },
    // faults.test.ts
    ['stop'],
  )

  test('two prefixes know nothing of each other', { tags: ['rule-replay-prefix'] }, async () => {
    const stores = ['one', 'two'].map((prefix) => redisReplayStore({ send, prefix }))
    const entry = createReplayEntry('a', Math.floor(Date.now() / 1000) + 2)
    for (const store of stores) expect(await store.claim(entry)).toBe(true)
    for (const store of stores) expect(await store.claim(entry)).toBe(false)
  })
})

/** Each client with the line of the README. */
const clients: Readonly<
  Record<
    string,
    (port: number) => Promise<{ send: RedisReplayStoreOptions['send']; end: () => unknown }>
  >
> = {
  async ioredis(port) {
    const client = new Redis({ port, maxRetriesPerRequest: 0 })
    return { send: (command) => client.call(...command), end: () => client.disconnect() }
  },
  async iovalkey(port) {
    const client = new Valkey({ port, maxRetriesPerRequest: 0 })
    return { send: (command) => client.call(...command), end: () => client.disconnect() }
  },
  async 'node-redis'(port) {
    const client = createClient({ socket: { port }, disableOfflineQueue: true })
    client.on('error', () => {})
    await client.connect()
    return { send: (command) => client.sendCommand(command), end: () => client.destroy() }
  },
  async 'Valkey GLIDE'(port) {
    const client = await GlideClient.createClient({ addresses: [{ host: '127.0.0.1', port }] })
    return { send: (command) => client.customCommand(command), end: () => client.close() }
  },
}

describe.skipIf(socket === '')('through each client', () => {
  // GLIDE knows no Unix sockets.
  let proxy: TcpFaultProxy
  beforeAll(async () => {
    proxy = await startTcpFaultProxy({ path: socket })
  })
  afterAll(() => proxy.close())

  test.each(Object.entries(clients))(
    '%s: one of a hundred parallel uses gets through',
    { tags: ['rule-replay-once'] },
    async (name, connect) => {
      const { send, end } = await connect(proxy.port)
      const prefix = name.replaceAll(' ', '-')
      const store = redisReplayStore({ send, prefix, deadlineMilliseconds: 250 })
      const entry = createReplayEntry('a', Math.floor(Date.now() / 1000) + 2)
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => store.claim(entry).catch(() => 'no answer')),
      )
      expect(answers.filter((answer) => answer === true)).toHaveLength(1)
      expect(await store.claim(entry)).toBe(false)
      expect(await store.claim({ ...entry, id: createReplayEntry('b', 0).id })).toBe(true)
      end()
    },
  )
})
