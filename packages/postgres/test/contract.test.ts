import { setTimeout as delay } from 'node:timers/promises'
import { postgresReplayStore, type Query } from '@oauth-pop/postgres'
import { createReplayEntry, describeReplayStore } from '@oauth-pop/testkit'
import { drizzle } from 'drizzle-orm/node-postgres'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

const host = inject('postgres')
const address = { host, user: 'postgres', database: 'postgres' }
let tables = 0

describe.skipIf(host === '')('on a real PostgreSQL', () => {
  const pool = new pg.Pool({ ...address, max: 20 })
  const query: Query = (text, values) => pool.query(text, values)
  afterAll(() => pool.end())
  // Connections are made ahead: on a busy machine that takes as long as a claim may.
  beforeAll(async () => {
    await Promise.all(Array.from({ length: 20 }, () => pool.query('select 1')))
  })

  describeReplayStore(
    'postgresReplayStore',
    async (limits) => {
      tables += 1
      const table = `contract${tables}`
      const sibling = (): ReturnType<typeof postgresReplayStore> =>
        postgresReplayStore({ query, table, deadlineMilliseconds: 250, ...limits })
      const store = sibling()
      await store.migrate()
      // Its memory begins now, and the proofs of this second may be older.
      await delay(1600)
      return {
        store,
        sibling,
        now: Date.now,
        pass: (seconds) => delay(seconds * 1000),
        async forget() {
          await query(`truncate ${table}, ${table}_owner, ${table}_epoch`, [])
        },
      }
    },
    ['stop'],
  )

  test('two tables know nothing of each other', { tags: ['rule-replay-prefix'] }, async () => {
    const stores = ['one', 'two'].map((table) => postgresReplayStore({ query, table }))
    const entry = createReplayEntry('a', Math.floor(Date.now() / 1000) + 2)
    for (const store of stores) await store.migrate()
    for (const store of stores) expect(await store.claim(entry)).toBe(true)
    for (const store of stores) expect(await store.claim(entry)).toBe(false)
  })

  test('a schema goes with the table', async () => {
    await query('create schema fleet', [])
    const store = postgresReplayStore({ query, table: 'fleet.proofs' })
    await store.migrate()
    const entry = createReplayEntry('a', Math.floor(Date.now() / 1000) + 2)
    expect([await store.claim(entry), await store.claim(entry)]).toEqual([true, false])
  })
})

/** Each client with the line of the README. */
const clients: Readonly<Record<string, () => { query: Query; end: () => Promise<unknown> }>> = {
  pg() {
    const pool = new pg.Pool(address)
    return { query: (text, values) => pool.query(text, values), end: () => pool.end() }
  },
  'postgres.js'() {
    const sql = postgres({ ...address, onnotice: () => {} })
    return { query: (text, values) => sql.unsafe(text, values), end: () => sql.end() }
  },
  Kysely() {
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool: new pg.Pool(address) }) })
    return {
      query: (text, values) => db.executeQuery<object>(CompiledQuery.raw(text, values)),
      end: () => db.destroy(),
    }
  },
  Drizzle() {
    const db = drizzle({ client: new pg.Pool(address) })
    return { query: (text, values) => db.$client.query(text, values), end: () => db.$client.end() }
  },
}

describe.skipIf(host === '')('through each client', () => {
  test.each(Object.entries(clients))(
    '%s: one of a hundred parallel uses gets through',
    { tags: ['rule-replay-once'] },
    async (name, connect) => {
      const { query, end } = connect()
      const table = `through_${name.toLowerCase().replace('.', '_')}`
      const store = postgresReplayStore({ query, table, deadlineMilliseconds: 250 })
      await store.migrate()
      const entry = createReplayEntry('a', Math.floor(Date.now() / 1000) + 2)
      const claims = Array.from({ length: 100 }, () => store.claim(entry).catch(() => 'no answer'))
      expect((await Promise.all(claims)).filter((answer) => answer === true)).toHaveLength(1)
      expect(await store.claim(entry)).toBe(false)
      expect(await store.claim({ ...entry, id: createReplayEntry('b', 0).id })).toBe(true)
      await end()
    },
  )
})
