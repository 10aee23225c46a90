import { setTimeout as delay } from 'node:timers/promises'
import type { ReplayEntry } from '@oauth-pop/core'
import { postgresReplayStore, type PostgresReplayStore } from '@oauth-pop/postgres'
import {
  availableServers,
  createReplayEntry,
  startPostgres,
  type RealPostgres,
} from '@oauth-pop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

/** A proof of now, to the second. */
const proof = (id: string, issuedAt = Math.floor(Date.now() / 1000)): ReplayEntry =>
  createReplayEntry(id, issuedAt)

async function answerOf(claim: Promise<boolean>): Promise<boolean | string> {
  return claim.catch((error: unknown) => (error as { code: string }).code)
}

/** Past the second in which the memory of a server began. */
const nextSecond = (): Promise<void> => delay(1200)

interface Database {
  readonly server: RealPostgres
  readonly query: (text: string, values?: (string | number)[]) => Promise<pg.QueryResult>
}

function connect(server: RealPostgres): {
  readonly pool: pg.Pool
  readonly query: Database['query']
} {
  const pool = new pg.Pool({ host: server.host, user: 'postgres', database: 'postgres', max: 4 })
  pool.on('error', () => {})
  return { pool, query: (text, values) => pool.query(text, values) }
}

/** What makes the server forget, or may have. */
const losses: Readonly<Record<string, (database: Database) => Promise<unknown>>> = {
  'that was killed': async ({ server }) => {
    await server.kill()
    await server.restart()
  },
  'that was shut down and came back': ({ server }) => server.restart(),
  'one of whose processes crashed': async ({ query }) => {
    // The whole server recovers, and unlogged tables are empty after that.
    const { rows } = await query('select pg_backend_pid() as pid')
    process.kill((rows[0] as { pid: number }).pid, 'SIGKILL')
    await delay(300)
  },
  'whose table was emptied': ({ query }) => query('truncate oauth_pop_replay'),
  'whose tables were made anew': ({ query }) =>
    query('drop table oauth_pop_replay, oauth_pop_replay_owner, oauth_pop_replay_epoch'),
  'whose epoch somebody deleted': ({ query }) => query('delete from oauth_pop_replay_epoch'),
  'whose clock was ahead and came back': ({ query }) =>
    query('update oauth_pop_replay_epoch set ahead = $1', [Date.now() + 3_600_000]),
}

describe.skipIf(!availableServers().postgres)('a PostgreSQL', () => {
  test.concurrent.each(Object.entries(losses))(
    '%s accepts no proof of before, and those of after once',
    { tags: ['rule-replay-epoch'], timeout: 30_000 },
    async (_, lose) => {
      const server = await startPostgres({ template: inject('postgresTemplate') })
      const { pool, query } = connect(server)
      const store = postgresReplayStore({ query })
      await store.migrate()
      await nextSecond()
      const early = proof('early')
      expect(await store.claim(early)).toBe(true)
      await nextSecond()
      await lose({ server, query })
      for (let time = 0; time < 50; time += 1) {
        const isBack = await store.migrate().then(
          () => true,
          () => false,
        )
        if (isBack) break
        await delay(100)
      }
      expect(await answerOf(store.claim(early))).not.toBe(true)
      expect(await answerOf(store.claim({ ...early, id: proof('unused').id }))).toBe(
        'ERR_POP_REPLAY_TOO_OLD',
      )
      await nextSecond()
      const late = proof('late')
      expect([await store.claim(late), await store.claim(late)]).toEqual([true, false])
      expect(await answerOf(store.claim(early))).not.toBe(true)
      await pool.end()
      await server.stop()
    },
  )

  describe('that runs', () => {
    let server: RealPostgres
    let database: ReturnType<typeof connect>
    let store: PostgresReplayStore
    beforeAll(async () => {
      server = await startPostgres({ template: inject('postgresTemplate') })
      database = connect(server)
      store = postgresReplayStore({ query: database.query })
      await store.migrate()
      await nextSecond()
    })
    afterAll(async () => {
      await database.pool.end()
      await server.stop()
    })

    test.each([
      [29_000, true],
      [-29_000, true],
      [31_000, 'ERR_POP_REPLAY_UNAVAILABLE'],
      [-31_000, 'ERR_POP_REPLAY_UNAVAILABLE'],
    ])(
      'and whose clock is %d ms ahead of ours answers %j',
      { tags: ['rule-replay-store-clock'] },
      async (ahead, outcome) => {
        const now = (): number => Date.now() - ahead
        const own = postgresReplayStore({ query: database.query, now })
        const issuedAt = Math.floor(now() / 1000)
        expect(await answerOf(own.claim(proof(`clock ${ahead}`, issuedAt)))).toBe(outcome)
        // It harms nobody when the process was wrong.
        expect(await store.claim(proof(`after ${ahead}`))).toBe(true)
      },
    )

    test('migrates any number of times, also at once, and forgets nothing', async () => {
      const entry = proof('kept')
      expect(await store.claim(entry)).toBe(true)
      await Promise.all(Array.from({ length: 4 }, () => store.migrate()))
      expect(await store.claim(entry)).toBe(false)
    })

    test(
      'keeps an entry for as long as a process whose clock is behind could accept its proof',
      { tags: ['rule-replay-store-clock', 'rule-replay-lifetime'] },
      async () => {
        const entry = proof('a')
        await store.claim(entry)
        const id = Buffer.from(entry.id, 'base64url').subarray(0, 16).toString('hex')
        const { rows } = await database.query(
          `select forget_at::float8 from oauth_pop_replay where id = decode($1, 'hex')`,
          [id],
        )
        expect(rows).toEqual([{ forget_at: entry.expiresAt + 1 + 30 }])
      },
    )
  })
})
