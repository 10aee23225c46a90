import { setTimeout as delay } from 'node:timers/promises'
import type { ReplayEntry, ReplayStore } from '@oauth-pop/core'
import { redisReplayStore } from '@oauth-pop/redis'
import {
  availableServers,
  createReplayEntry,
  startRedis,
  startRedisCluster,
  startRedisPair,
  type RealRedis,
} from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'
import { findPrefix } from './cluster-prefix.ts'

/** A proof of now, to the second. */
const proof = (id: string, issuedAt = Math.floor(Date.now() / 1000)): ReplayEntry =>
  createReplayEntry(id, issuedAt)

const storeOn = (server: RealRedis, now = Date.now): ReplayStore =>
  redisReplayStore({ send: (command) => server.send(...command), now })

async function answerOf(claim: Promise<boolean>): Promise<boolean | string> {
  return claim.catch((error: unknown) => (error as { code: string }).code)
}

/** Past the second in which the memory of a server began. */
const nextSecond = (): Promise<void> => delay(1200)

/** A server, and what makes it forget; the one that answers afterwards. */
type Loss = () => Promise<{
  readonly before: RealRedis
  readonly lose: () => Promise<RealRedis>
  readonly stop: () => Promise<void>
}>

function lossOf(
  persistence: 'none' | 'snapshot' | 'log',
  lose: (server: RealRedis) => Promise<unknown>,
): Loss {
  return async () => {
    const server = await startRedis({ persistence })
    return {
      before: server,
      stop: server.stop,
      async lose() {
        await lose(server)
        return server
      },
    }
  }
}

const restart = async (server: RealRedis): Promise<void> => {
  await server.kill()
  await server.restart()
}

const losses: Readonly<Record<string, Loss>> = {
  'that was flushed': lossOf('none', (server) => server.send('FLUSHALL')),
  'that was killed, without persistence': lossOf('none', restart),
  'that was killed and came back with an old snapshot': lossOf('snapshot', async (server) => {
    await server.send('SAVE')
    await restart(server)
  }),
  'that was killed and came back with its log': lossOf('log', restart),
  'that was shut down and came back with its snapshot': lossOf('snapshot', (server) =>
    server.restart(),
  ),
  'whose replica was promoted, which lagged behind': async () => {
    const pair = await startRedisPair()
    return {
      before: pair.master,
      stop: pair.stop,
      async lose() {
        await pair.master.kill()
        await pair.promote()
        return pair.replica
      },
    }
  },
  'whose epoch somebody deleted': lossOf('none', (server) => server.send('DEL', '{pop}:epoch')),
}

describe.skipIf(!availableServers().redis)('a Redis', () => {
  test.concurrent.each(Object.entries(losses))(
    '%s accepts no proof of before, and those of after once',
    { tags: ['rule-replay-epoch'], timeout: 30_000 },
    async (_, start) => {
      const { before, lose, stop } = await start()
      const store = storeOn(before)
      await nextSecond()
      const early = proof('early')
      expect(await store.claim(early)).toBe(true)
      await nextSecond()
      const after = storeOn(await lose())
      expect(await answerOf(after.claim(early))).not.toBe(true)
      expect(await answerOf(after.claim({ ...early, id: proof('unused').id }))).toBe(
        'ERR_POP_REPLAY_TOO_OLD',
      )
      await nextSecond()
      const late = proof('late')
      expect([await after.claim(late), await after.claim(late)]).toEqual([true, false])
      expect(await answerOf(after.claim(early))).not.toBe(true)
      await stop()
    },
  )

  test(
    'says after how many seconds a client gets in whose clock is behind',
    { tags: ['rule-replay-epoch'] },
    async () => {
      const server = await startRedis()
      const store = storeOn(server)
      const issuedAt = Math.floor(Date.now() / 1000) - 20
      const refusal: unknown = await store.claim(proof('a', issuedAt)).catch((e: unknown) => e)
      const { retryAfterSeconds } = refusal as { retryAfterSeconds: number }
      expect(retryAfterSeconds).toBeGreaterThanOrEqual(20)
      expect(retryAfterSeconds).toBeLessThanOrEqual(22)
      await server.stop()
    },
  )

  test.each([
    [29_000, true],
    [-29_000, true],
    [31_000, 'ERR_POP_REPLAY_UNAVAILABLE'],
    [-31_000, 'ERR_POP_REPLAY_UNAVAILABLE'],
  ])(
    'whose clock is %d ms ahead of ours answers %j',
    { tags: ['rule-replay-store-clock'] },
    async (ahead, outcome) => {
      const server = await startRedis()
      await storeOn(server)
        .claim(proof('begin'))
        .catch(() => undefined)
      await nextSecond()
      const store = storeOn(server, () => Date.now() - ahead)
      const issuedAt = Math.floor((Date.now() - ahead) / 1000)
      expect(await answerOf(store.claim(proof('a', issuedAt)))).toBe(outcome)
      await server.stop()
    },
  )

  test(
    'whose clock was ahead and came back may have let entries go, so it accepts no proof of before',
    { tags: ['rule-replay-store-clock'] },
    async () => {
      const server = await startRedis()
      const store = storeOn(server)
      await nextSecond()
      const early = proof('early')
      expect(await store.claim(early)).toBe(true)
      // An hour ahead: what a claim at that time leaves behind.
      await server.send('HSET', '{pop}:epoch', 'ahead', String(Date.now() + 3_600_000))
      await nextSecond()
      expect(await answerOf(store.claim({ ...early, id: proof('unused').id }))).toBe(
        'ERR_POP_REPLAY_TOO_OLD',
      )
      await server.stop()
    },
  )

  test(
    'remembers how far ahead of a process its clock was, which harms nobody when the process was wrong',
    { tags: ['rule-replay-store-clock'] },
    async () => {
      const server = await startRedis()
      const store = storeOn(server)
      await nextSecond()
      const issuedAt = Math.floor(Date.now() / 1000)
      const wrong = storeOn(server, () => Date.now() - 3_600_000)
      expect(await answerOf(wrong.claim(proof('x')))).toBe('ERR_POP_REPLAY_UNAVAILABLE')
      expect(await server.send('HGET', '{pop}:epoch', 'ahead')).toMatch(/^\d{13}$/)
      await delay(10)
      expect(await store.claim(proof('a', issuedAt))).toBe(true)
      await server.stop()
    },
  )

  test(
    'keeps an entry for as long as a process whose clock is behind could accept its proof',
    { tags: ['rule-replay-store-clock', 'rule-replay-lifetime'] },
    async () => {
      const server = await startRedis()
      const store = storeOn(server)
      await nextSecond()
      const issuedAt = Math.floor(Date.now() / 1000)
      const short = { ...proof('a', issuedAt), expiresAt: issuedAt + 1 }
      expect(await store.claim(short)).toBe(true)
      const keys = (await server.send('KEYS', '{pop}:*')) as string[]
      const entry = keys.find((name) => !/epoch|owner/.test(name)) ?? ''
      const left = Number(await server.send('PTTL', entry))
      expect(Date.now() + left).toBeGreaterThan((short.expiresAt + 1 + 30) * 1000 - 5)
      expect(Date.now() + left).toBeLessThan((short.expiresAt + 1 + 30) * 1000 + 200)
      await server.stop()
    },
  )
})

describe.skipIf(!availableServers().redis)('a Redis Cluster', () => {
  test(
    'one of whose masters was killed accepts no proof of before',
    { tags: ['rule-replay-epoch'], timeout: 60_000 },
    async () => {
      const cluster = await startRedisCluster()
      // A prefix whose slot the first master has.
      const prefix = await findPrefix(cluster.first)
      const on = (server: RealRedis): ReplayStore =>
        redisReplayStore({ send: (command) => server.send(...command), prefix })
      const store = on(cluster.first)
      await nextSecond()
      const early = proof('early')
      expect(await store.claim(early)).toBe(true)
      await cluster.stopReplication()
      const unseen = proof('unseen')
      expect(await store.claim(unseen)).toBe(true)
      await nextSecond()
      await cluster.killFirst()
      const after = on(cluster.replica)
      for (const used of [early, unseen]) expect(await answerOf(after.claim(used))).not.toBe(true)
      await nextSecond()
      const late = proof('late')
      expect([await after.claim(late), await after.claim(late)]).toEqual([true, false])
      await cluster.stop()
    },
  )
})
