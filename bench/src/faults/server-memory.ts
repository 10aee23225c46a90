import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ReplayStore } from '@oauth-pop/core'
import { postgresReplayStore } from '@oauth-pop/postgres'
import { redisReplayStore } from '@oauth-pop/redis'
import { openPostgres, openRedis } from './clients.ts'
import type { Context } from './scenario.ts'
import { openRealPostgres, openRealRedis } from './servers.ts'

const inFlight = 64
const owners = 1000

/** Dated so that every one is alive when the last has been claimed. */
async function fill({ amount, say }: Context, store: ReplayStore): Promise<void> {
  const lifetime = 3600
  let index = 0
  const work = async (): Promise<void> => {
    while (index < amount) {
      index += 1
      const issuedAt = Math.floor(Date.now() / 1000) + 1
      const id = hash('sha256', `entry ${index}`, 'base64url')
      const owner = hash('sha256', `owner ${index % owners}`, 'base64url')
      const entry = { id, owner, issuedAt, expiresAt: issuedAt + lifetime }
      // One that came too late has been applied all the same.
      await store.claim(entry).catch(() => sleep(100))
      if (index % 250_000 === 0) say(`${index} entries`)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
}

/** M2 */
export async function memoryOfRedis(context: Context): Promise<void> {
  const redis = await openRealRedis(context)
  const { send, close } = await openRedis('ioredis', redis.socket)
  context.defer(close)
  const store = redisReplayStore({ send })
  await sleep(1100)
  const used = async (): Promise<number> => {
    const info = String(await send(['INFO', 'memory']))
    return Number(/used_memory:(\d+)/.exec(info)?.[1])
  }
  const before = await used()
  await fill(context, store)
  const keys = Number(await send(['DBSIZE']))
  const each = ((await used()) - before) / keys
  context.check('live entries are all there', String(keys), keys >= context.amount)
  context.note('bytes of Redis for an entry', each.toFixed(1))
}

/** M3 */
export async function memoryOfPostgres(context: Context): Promise<void> {
  const { host } = await openRealPostgres(context)
  const { query, close } = await openPostgres('pg', host)
  context.defer(close)
  const store = postgresReplayStore({ query })
  await store.migrate()
  await sleep(1100)
  await fill(context, store)
  const sizes = `select count(*)::float8 as entries,
    pg_total_relation_size('oauth_pop_replay')::float8 as bytes,
    pg_relation_size('oauth_pop_replay')::float8 as rows from oauth_pop_replay`
  const answer = (await query(sizes, [])) as { rows: readonly Record<string, number>[] }
  const { entries = 0, bytes = 0, rows = 0 } = answer.rows[0] ?? {}
  context.check('live entries are all there', String(entries), entries >= context.amount)
  context.note(
    'bytes of PostgreSQL for an entry',
    `${(bytes / entries).toFixed(1)}, ${(rows / entries).toFixed(1)} of them without indexes`,
  )
}
