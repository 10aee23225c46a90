import { setTimeout as delay } from 'node:timers/promises'
import type { ReplayEntry, ReplayStore } from '@oauth-pop/core'
import { redisReplayStore } from '@oauth-pop/redis'
import {
  availableServers,
  createReplayEntry,
  startRedis,
  startRedisFaultServer,
  type RealRedis,
  type RedisFault,
  type RedisFaultServer,
} from '@oauth-pop/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let count = 0

/** Another proof of now each time; a second ahead, so that the server's memory is older. */
function proof(): ReplayEntry {
  count += 1
  return createReplayEntry(`${count}`, Math.floor(Date.now() / 1000) + 2)
}

interface Connected {
  readonly store: ReplayStore
  readonly end: () => Promise<unknown>
}

type Connect = (port: number) => Promise<Connected>

/** Each client as the README sets it up. */
const clients: Readonly<Record<string, Connect>> = {
  async ioredis(port) {
    const client = new Redis({
      port,
      host: '127.0.0.1',
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 250,
      retryStrategy: () => 50,
      lazyConnect: true,
    })
    client.on('error', () => {})
    await client.connect()
    const store = redisReplayStore({ send: (command) => client.call(...command) })
    return { store, end: async () => client.disconnect() }
  },
  async 'node-redis'(port) {
    const socket = { port, host: '127.0.0.1', connectTimeout: 250, reconnectStrategy: () => 50 }
    const client = createClient({ socket, disableOfflineQueue: true })
    client.on('error', () => {})
    await client.connect()
    const store = redisReplayStore({ send: (command) => client.sendCommand(command) })
    return { store, end: async () => client.destroy() }
  },
}

const down = 'ERR_POP_REPLAY_UNAVAILABLE'
const faults: Readonly<Record<RedisFault, string>> = {
  closed: down,
  hang: down,
  reset: down,
  'apply-then-reset': down,
  readonly: down,
  oom: 'ERR_POP_REPLAY_FULL',
  loading: down,
  moved: down,
  garbage: down,
  'slow 300 ms': down,
}

/** What the error says to do. */
const hints: Partial<Record<RedisFault, RegExp>> = {
  hang: /no answer within 100 ms/,
  readonly: /this is a replica: send to the master/,
  loading: /LOADING/,
  moved: /this is a cluster: use a client for clusters/,
  'slow 300 ms': /no answer within 100 ms/,
}

describe.skipIf(!availableServers().redis)('a Redis that fails', () => {
  let redis: RealRedis
  let server: RedisFaultServer
  beforeAll(async () => {
    redis = await startRedis()
    server = await startRedisFaultServer({ upstream: redis.socket })
  })
  afterAll(async () => {
    await server.close()
    await redis.stop()
  })

  /** As long as a client may take to connect again. */
  async function untilAnswered(store: ReplayStore): Promise<boolean> {
    for (let time = 0; time < 100; time += 1) {
      const answer = await store.claim(proof()).catch(() => undefined)
      if (answer !== undefined) return answer
      await delay(50)
    }
    return false
  }

  describe.each(Object.entries(clients))('through %s', (name, connect) => {
    // node-redis goes on with a connection that it cannot read: see below.
    const recoverable = Object.entries(faults).filter(
      ([fault]) => name !== 'node-redis' || fault !== 'garbage',
    )
    test.each(recoverable as [RedisFault, string][])(
      'like %s is %s in time, and works again afterwards',
      { tags: ['attack-131', 'attack-132', 'attack-134'] },
      async (fault, code) => {
        await server.answer('ok')
        const { store, end } = await connect(server.port)
        expect(await untilAnswered(store)).toBe(true)
        await server.answer(fault)
        const before = performance.now()
        const refusal: unknown = await store.claim(proof()).catch((error: unknown) => error)
        expect(performance.now() - before).toBeLessThan(400)
        expect(refusal).toMatchObject({
          code,
          message: expect.stringMatching(hints[fault] ?? /./) as string,
        })
        await (fault === 'closed' ? server.reopen() : server.answer('ok'))
        await server.answer('ok')
        expect(await untilAnswered(store)).toBe(true)
        await end()
      },
    )

    test(
      'with a lost reply has recorded the proof, and the store did not send it twice',
      { tags: ['attack-133'] },
      async () => {
        await server.answer('ok')
        const { store, end } = await connect(server.port)
        await untilAnswered(store)
        const entry = proof()
        await server.answer('apply-then-reset')
        server.commands.length = 0
        await expect(store.claim(entry)).rejects.toMatchObject({ code: down })
        await server.answer('ok')
        await untilAnswered(store)
        expect(await store.claim(entry)).toBe(false)
        await end()
      },
    )

    test('that slows down by less than the deadline answers', async () => {
      await server.answer('ok')
      const { store, end } = await connect(server.port)
      await untilAnswered(store)
      await server.answer('slow 20 ms')
      expect(await store.claim(proof())).toBe(true)
      await server.answer('ok')
      await end()
    })
  })

  test(
    'in bytes that node-redis cannot read, so that it hands each answer to the next question, accepts nothing',
    { tags: ['attack-134'] },
    async () => {
      await server.answer('ok')
      const { store, end } = await (clients['node-redis'] as Connect)(server.port)
      await untilAnswered(store)
      await server.answer('garbage')
      await expect(store.claim(proof())).rejects.toMatchObject({ code: down })
      await server.answer('ok')
      const used = proof()
      const claims = [proof(), used, used, proof(), used].map((entry) => store.claim(entry))
      const answers = await Promise.allSettled(claims)
      expect(answers.map(({ status }) => status)).toEqual(claims.map(() => 'rejected'))
      await end()
      const fresh = await (clients['node-redis'] as Connect)(server.port)
      expect(await fresh.store.claim(used)).toBe(false)
      expect(await fresh.store.claim(proof())).toBe(true)
      await fresh.end()
    },
  )

  test.each([
    ['OK', { reply: '+OK\r\n' }],
    ['1', { reply: ':1\r\n' }],
    ['nothing', { reply: '$-1\r\n' }],
    ['an empty list', { reply: '*0\r\n' }],
    ['a list of numbers', { reply: '*2\r\n:1\r\n:0\r\n' }],
    ['first as text alone', { reply: '$5\r\nfirst\r\n' }],
    ['first and an amount as text', { reply: '*2\r\n$5\r\nfirst\r\n$1\r\n0\r\n' }],
    ['first to no question', { reply: '*2\r\n$5\r\nfirst\r\n:0\r\n' }],
    ['first to another question', { reply: '*3\r\n$5\r\nfirst\r\n:0\r\n:1\r\n' }],
  ])(
    'by answering %s is no Redis that accepts',
    { tags: ['attack-134', 'rule-replay-literal-answer'] },
    async (_, answer) => {
      await server.answer('ok')
      const { store, end } = await (clients['ioredis'] as Connect)(server.port)
      await untilAnswered(store)
      await server.answer(answer)
      await expect(store.claim(proof())).rejects.toMatchObject({
        code: down,
        message: expect.stringContaining('the answer is not to this question') as string,
      })
      await end()
    },
  )
})
