import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { postgresReplayStore } from '@oauth-pop/postgres'
import type { RealRedis } from '@oauth-pop/testkit'
import { startApi, type Api, type ApiSettings } from './api.ts'
import { countOf, createClient, longestOf, tally, type Client } from './client.ts'
import { openPool } from './clients.ts'
import { checkBack, checkDown, checkRefused, checkReplays, longestMs, rate } from './outage.ts'
import type { Context } from './scenario.ts'
import { openRealPostgres, openRealRedis } from './servers.ts'
import { createSigner, type Signer } from './signing.ts'
import type { StoreSettings } from './stores.ts'

const connections = 20
/** What one connection to PostgreSQL answers in time on a machine that has other work. */
const calmRate = 50

interface Started {
  readonly signer: Signer
  readonly api: Api
  readonly client: Client
  readonly stream: Generator<string, never>
  /** Proofs that were accepted before anything broke. */
  readonly old: readonly string[]
}

async function start(context: Context, signer: Signer, store: StoreSettings): Promise<Started> {
  const api = await startApi({ tokens: { jwks: signer.jwks }, store })
  context.defer(api.kill)
  const client = createClient([api.port], connections)
  context.defer(client.close)
  // The first open the connections of the store, one after the other.
  await client.sendAtRate(signer.sign(10), calmRate, 10 / calmRate)
  const sent = signer.sign(2 * calmRate)
  const before = await client.sendAtRate(sent, calmRate, 2)
  context.note('before', tally(before))
  const old = sent.filter((_, index) => before[index]?.status === 200)
  if (old.length === 0) throw new Error('nothing was accepted before')
  return { signer, api, client, stream: signer.stream(), old }
}

/** Everything is 503 from the first request on, and a replay is no exception. */
async function stayDown(
  context: Context,
  when: string,
  { signer, client, old }: Started,
): Promise<void> {
  // Signed ahead: who signs beside does not see when an answer came.
  const fresh = signer.sign(rate * context.amount)
  const down = await client.sendAtRate(fresh, rate, context.amount)
  // Few answers, of which another process on the machine can hold up each.
  if (context.short) {
    checkRefused(context, when, down)
    context.note(`${when}: the longest wait`, `${longestOf(down).toFixed(0)} ms`)
  } else checkDown(context, when, down, longestMs)
  checkReplays(context, await client.send(old))
}

/** How long it is watched once it is back; two seconds are for coming back. */
const watched = ({ short }: Context): number => (short ? 2.5 : 4)

/** F12: the folder of its snapshots is gone. */
export async function unsavedRedis(context: Context): Promise<void> {
  const args = ['--enable-protected-configs', 'local']
  const redis = await openRealRedis(context, { persistence: 'snapshot', args })
  const data = join(redis.folder, 'data')
  await mkdir(data)
  await redis.send('CONFIG', 'SET', 'dir', data)
  const started = await start(context, createSigner(), { kind: 'redis', address: redis.socket })
  await rm(data, { recursive: true })
  await save(redis, 'err')
  await stayDown(context, 'while it cannot save', started)
  await mkdir(data)
  // The process still stands in the folder that is gone.
  await redis.send('CONFIG', 'SET', 'dir', data)
  await save(redis, 'ok')
  const { client, stream, old } = started
  await checkBack(context, client, stream, old, watched(context))
}

/** Resolves when a snapshot has ended that way. */
async function save(redis: RealRedis, outcome: 'ok' | 'err'): Promise<void> {
  await redis.send('BGSAVE')
  for (let turn = 0; turn < 100; turn += 1) {
    const info = String(await redis.send('INFO', 'persistence'))
    if (info.includes('rdb_bgsave_in_progress:0')) {
      if (info.includes(`rdb_last_bgsave_status:${outcome}`)) return
      throw new Error(`the snapshot did not end with ${outcome}`)
    }
    await sleep(20)
  }
  throw new Error('the snapshot does not end')
}

/** F12: something else of the application keeps the one connection. */
export async function exhaustedPool(context: Context): Promise<void> {
  const { host } = await openRealPostgres(context)
  const store: StoreSettings = { kind: 'postgres', host, connections: 1 }
  const started = await start(context, createSigner(), store)
  const { api, client, stream, old } = started
  await api.tell({ do: 'hold' })
  await stayDown(context, 'while its pool is held', started)
  await api.tell({ do: 'release' })
  await checkBack(context, client, stream, old, watched(context), calmRate)
}

/** A segment of the write-ahead log is as large, and must still be written. */
const megabytes = 1

/** F12: the files of the table cannot grow; the log of the server can. */
export async function fullDisk(context: Context): Promise<void> {
  // Nothing may make room meanwhile.
  const args = ['-c', 'autovacuum=off']
  const initArgs = [`--wal-segsize=${megabytes}`]
  const postgres = await openRealPostgres(context, { args, initArgs })
  const { host } = postgres
  const first = await openPool(host, 1)
  await postgresReplayStore({ query: first.query }).migrate()
  await first.close()
  await postgres.limitFiles(megabytes * 2 ** 20)
  const signer = createSigner()
  const store: StoreSettings = { kind: 'postgres', host }
  const started = await start(context, signer, store)
  // Its sessions know pages with room left.
  await started.api.kill()
  context.note('it is full with', await fillTable(host))
  const { port } = started.api
  const full = await startApi({ tokens: { jwks: signer.jwks }, store, port })
  context.defer(full.kill)
  await stayDown(context, 'while its table cannot grow', started)

  await postgres.restart()
  const { client, stream, old } = started
  await checkBack(context, client, stream, old, watched(context))
  const other = await startApi({ tokens: { jwks: signer.jwks }, store })
  context.defer(other.kill)
  const otherClient = createClient([other.port], connections)
  context.defer(otherClient.close)
  const check: Context['check'] = (criterion, figure, holds) => {
    context.check(`another process: ${criterion}`, figure, holds)
  }
  await checkBack({ check }, otherClient, stream, old, watched(context))
}

/** Adds entries that live long until there is no room for a single one; says how many there are. */
async function fillTable(host: string): Promise<string> {
  const { query, close } = await openPool(host, 1)
  const insert = `insert into oauth_pop_replay
    select decode(md5(random()::text || number), 'hex'), 9999999999 from generate_series(1, $1) number`
  let refusal: unknown
  for (const batch of [1000, 10, 1]) {
    refusal = undefined
    while (refusal === undefined) {
      await Promise.resolve(query(insert, [batch])).catch((error: unknown) => (refusal = error))
    }
  }
  const answer = await query('select count(*)::int as entries from oauth_pop_replay', [])
  const { rows } = answer as { readonly rows: readonly { readonly entries: number }[] }
  await close()
  return `${rows[0]?.entries} entries: ${(refusal as Error).message.replaceAll(/"[^"]*"/g, 'its file')}`
}

/** What a pool lets wait, if its owner has set a limit. */
const poolLimitMs = 1000
/** What a lookup has, and what the machine may add. */
const lookupMs = 10_000
const slackMs = 500
/** More wait than may: 1,000. */
const mostConnections = 2500

/** F12: the pool through which tokens are looked up is held; the seconds are for each form. */
export async function exhaustedLookup(context: Context): Promise<void> {
  const { host } = await openRealPostgres(context)
  for (const [name, waitMs, longest] of [
    ['its pool lets wait for 1 s', poolLimitMs, poolLimitMs],
    ['its pool lets wait for ever', 0, lookupMs],
  ] as const) {
    const settings: ApiSettings = { tokens: { stored: host, waitMs }, store: { kind: 'memory' } }
    const api = await startApi(settings)
    context.defer(api.kill)
    const client = createClient([api.port], connections, mostConnections, 2 * lookupMs)
    context.defer(client.close)
    const signer = createSigner()
    const before = await client.send(signer.sign(rate))
    context.check(`${name}: accepted before`, tally(before), countOf(before, 200) === rate)
    await api.tell({ do: 'hold' })
    const fresh = signer.sign(rate * context.amount)
    const down = await client.sendAtRate(fresh, rate, context.amount)
    checkDown(context, `${name}, while it is held`, down, longest + slackMs)
    const atOnce = down.filter(({ waited }) => waited < longestMs)
    context.note(`${name}: refused at once, for 1,000 wait already`, `${atOnce.length}`)
    await api.tell({ do: 'release' })
    const after = await client.sendAtRate(signer.stream(), rate, watched(context))
    context.check(
      `${name}: accepted when it is released`,
      `${tally(after)}, ${longestOf(after).toFixed(0)} ms at most`,
      countOf(after, 200) === after.length,
    )
  }
}
