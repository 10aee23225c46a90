import { postgresReplayStore, type Query } from '@oauth-pop/postgres'
import { createReplayEntry, startTcpFaultProxy, type ProxyMode } from '@oauth-pop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'

const query: Query = () => new Promise(() => {})

test.each([
  [
    {},
    'postgresReplayStore query is missing: write query: (text, values) => pool.query(text, values)',
  ],
  [{ query: 'x' }, 'postgresReplayStore query is missing'],
  [{ query, table: '' }, 'postgresReplayStore table must be at most 41 lower-case letters'],
  [{ query, table: 'A' }, 'postgresReplayStore table must be at most 41 lower-case letters'],
  [{ query, table: 'a; drop table b' }, 'postgresReplayStore table must be'],
  [{ query, deadlineMilliseconds: 251 }, 'deadlineMilliseconds must be from 1 to 250'],
  [{ query, maxEntriesPerOwner: 1.5 }, 'maxEntriesPerOwner must be a whole number'],
  [{ query, ttl: 5 }, 'postgresReplayStore has no option "ttl"'],
])('the options %o are refused at start-up', (options, message) => {
  expect(() => postgresReplayStore(options as never)).toThrow(
    expect.objectContaining({
      name: 'TypeError',
      code: expect.stringMatching(/^ERR_POP_OPTION_/) as string,
      message: expect.stringContaining(message) as string,
    }),
  )
})

test.each([
  ['no row', []],
  ['rows of something else', [{ ok: true }]],
  ['two rows', [{}, {}]],
  ['nothing', undefined],
  ['text', 'first'],
])(
  'a client that answers with %s is 503',
  { tags: ['rule-replay-literal-answer'] },
  async (_, answer) => {
    const store = postgresReplayStore({ query: async () => answer as never })
    await expect(store.claim(createReplayEntry('a', 1))).rejects.toMatchObject({
      code: 'ERR_POP_REPLAY_UNAVAILABLE',
      message: expect.stringContaining('the answer is not to this question') as string,
    })
  },
)

const host = inject('postgres')
const address = { host, user: 'postgres', database: 'postgres' }
const proof = (id: string): ReturnType<typeof createReplayEntry> =>
  createReplayEntry(id, Math.floor(Date.now() / 1000) + 2)

describe.skipIf(host === '')('a PostgreSQL', () => {
  let pool: pg.Pool
  beforeAll(() => {
    pool = new pg.Pool(address)
  })
  afterAll(() => pool.end())

  const on = (table: string): ReturnType<typeof postgresReplayStore> =>
    postgresReplayStore({ query: (text, values) => pool.query(text, values), table })

  test(
    'without the tables is found at the first claim and named',
    { tags: ['attack-134'] },
    async () => {
      await expect(on('missing').claim(proof('a'))).rejects.toMatchObject({
        code: 'ERR_POP_REPLAY_UNAVAILABLE',
        message: expect.stringContaining('call store.migrate() once') as string,
      })
    },
  )

  test('with a table of another shape is found and named', { tags: ['attack-134'] }, async () => {
    await pool.query('create table wrong (name text)')
    await expect(on('wrong').migrate()).rejects.toThrow('wrong is of another shape')
    const store = on('changed')
    await store.migrate()
    await pool.query('alter table changed rename column forget_at to expires')
    expect(await store.claim(proof('a'))).toBe(true)
    await pool.query('alter table changed drop column id')
    await expect(store.claim(proof('b'))).rejects.toThrow('changed is of another shape')
  })

  test.each(['refuse', 'stall', 'cut', 'reset', 'cut-after-request'] satisfies ProxyMode[])(
    'behind a network that does %s is 503 in time, and works again afterwards',
    { tags: ['attack-131', 'attack-132', 'attack-133'] },
    async (mode) => {
      const proxy = await startTcpFaultProxy({ path: `${host}/.s.PGSQL.5432` })
      const own = new pg.Pool({ ...address, host: '127.0.0.1', port: proxy.port, max: 2 })
      own.on('error', () => {})
      const table = `through_${mode.replaceAll('-', '_')}`
      const store = postgresReplayStore({ query: (text, values) => own.query(text, values), table })
      await store.migrate()
      await vi.waitFor(async () => expect(await store.claim(proof('warm'))).toBe(true))
      const entry = proof('a')
      await proxy.set(mode)
      const startedAt = performance.now()
      await expect(store.claim(entry)).rejects.toMatchObject({ code: 'ERR_POP_REPLAY_UNAVAILABLE' })
      expect(performance.now() - startedAt).toBeLessThan(500)
      await proxy.set('pass')
      await vi.waitFor(
        async () => expect(await store.claim(proof(`b${Math.random()}`))).toBe(true),
        {
          timeout: 5000,
        },
      )
      // What was carried out stays; what never arrived is free, or was carried out late.
      const again = await store.claim(entry).catch(() => 'late')
      expect([mode, again]).toEqual([mode, mode === 'cut-after-request' ? false : again])
      await own.end()
      await proxy.close()
    },
  )

  test(
    'deletes dead rows in the background, and no live ones',
    { tags: ['rule-replay-sweep'] },
    async () => {
      let elapsed = 0
      vi.spyOn(performance, 'now').mockImplementation(() => elapsed)
      const store = postgresReplayStore({
        query: (text, values) => pool.query(text, values),
        table: 'swept',
      })
      await store.migrate()
      await pool.query(
        `insert into swept select decode(md5(n::text), 'hex'), 1000 from generate_series(1, 2500) n;
         insert into swept_owner select decode(md5(n::text), 'hex'), 1, 1 from generate_series(1, 10) n`,
      )
      const live = proof('live')
      expect(await store.claim(live)).toBe(true)
      elapsed = 11_000
      expect(await store.claim(proof('other'))).toBe(true)
      const countOf = async (table: string): Promise<unknown> =>
        (await pool.query<{ count: string }>(`select count(*) from ${table}`)).rows[0]?.count
      await vi.waitFor(async () => expect(await countOf('swept')).toBe('2'))
      await vi.waitFor(async () => expect(await countOf('swept_owner')).toBe('1'))
      expect(await store.claim(live)).toBe(false)
      vi.restoreAllMocks()
    },
  )
})
