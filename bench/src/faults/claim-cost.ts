import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ReplayEntry, ReplayStore } from '@oauth-pop/core'
import { postgresReplayStore } from '@oauth-pop/postgres'
import { redisReplayStore } from '@oauth-pop/redis'
import { startChild } from '../child.ts'
import { format, interleave, mediansOf, ratioOf, timed, type Block } from '../interleave.ts'
import { openPostgres, openRedis, postgresClients, redisClients } from './clients.ts'
import type { Context } from './scenario.ts'
import { freePort, openRealPostgres, openRealRedis } from './servers.ts'

const perBlock = 100
const aim = 1.1
let made = 0

/** Dated ahead, past the second in which the memory of the store began. */
function createEntry(): ReplayEntry {
  made += 1
  const issuedAt = Math.floor(Date.now() / 1000) + 1
  return {
    id: hash('sha256', `entry ${process.pid} ${made}`, 'base64url'),
    owner: hash('sha256', `owner ${made % 1000}`, 'base64url'),
    issuedAt,
    expiresAt: issuedAt + 300,
  }
}

async function mustBeFirst(store: ReplayStore): Promise<void> {
  if (!(await store.claim(createEntry()))) throw new Error('a fresh entry was called a replay')
}

function oneByOne(act: () => Promise<unknown>): Block {
  return async () => {
    for (let index = 0; index < perBlock; index += 1) await act()
  }
}

/** The ratio of the times that callers wait, from interleaved blocks. */
async function compare(
  { amount, check, note }: Context,
  name: string,
  claim: () => Promise<unknown>,
  bare: () => Promise<unknown>,
): Promise<void> {
  const contestants = [timed(oneByOne(claim)), timed(oneByOne(bare))] as const
  const measured = await interleave(...contestants, amount, Math.ceil(amount / 4))
  const ratio = ratioOf(measured, ({ wall }) => wall)
  check(`${name}: at most ${aim}`, format(ratio), ratio.median <= aim)
  const [ours, theirs] = mediansOf(measured, ({ wall }) => wall / 1000 / perBlock)
  note(`${name}: milliseconds`, `${ours.toFixed(3)} over ${theirs.toFixed(3)}`)
}

/** Each direction, by timers, which are late by a little. */
const delayMs = 1
/** So many fewer rounds where each round trip takes so much longer. */
const fewer = 4

/** C1 */
export async function latencyOfClaims(context: Context): Promise<void> {
  const port = await freePort()
  const redis = await openRealRedis(context, { port })
  const far = await startDelay(context, port)
  for (const [way, address, rounds] of [
    ['Unix socket', redis.socket, context.amount],
    ['TCP', `redis://127.0.0.1:${port}`, context.amount],
    ['TCP 1 ms away', `redis://127.0.0.1:${far}`, Math.ceil(context.amount / fewer)],
  ] as const) {
    const { send, close } = await openRedis('ioredis', address)
    context.defer(close)
    const store = redisReplayStore({ send, prefix: way.replaceAll(' ', '') })
    await sleep(1100)
    let key = 0
    const claim = (): Promise<void> => mustBeFirst(store)
    const set = (): Promise<unknown> =>
      send(['SET', `${way}${(key += 1)}`, '1', 'PX', '300000', 'NX'])
    const measure = { ...context, amount: rounds }
    await compare(measure, `Redis by ${way}, claim over PING`, claim, () => send(['PING']))
    await compare(measure, `Redis by ${way}, claim over SET NX PX`, claim, set)
  }
  const { host } = await openRealPostgres(context)
  const { query, close } = await openPostgres('pg', host)
  context.defer(close)
  const store = postgresReplayStore({ query })
  await store.migrate()
  await query('create unlogged table bare (id text primary key, expires bigint)', [])
  await sleep(1100)
  let key = 0
  const claim = (): Promise<void> => mustBeFirst(store)
  await compare(context, 'PostgreSQL, claim over SELECT 1', claim, () =>
    Promise.resolve(query('select 1', [])),
  )
  const insert = (): Promise<unknown> =>
    Promise.resolve(
      query('insert into bare values ($1, $2) on conflict do nothing', [`${(key += 1)}`, key]),
    )
  await compare(context, 'PostgreSQL, claim over INSERT', claim, insert)
}

/** A process of its own, which this one does not hold up; the port at which Redis is far away. */
async function startDelay({ defer }: Context, port: number): Promise<number> {
  const words = [JSON.stringify({ port, delayMilliseconds: delayMs })]
  const { child, ready } = await startChild<number>(new URL('./far.ts', import.meta.url), words)
  defer(() => child.kill())
  return ready
}

const inFlight = 64

/** C2: seconds for each client. */
export async function claimsPerSecond(context: Context): Promise<void> {
  const port = await freePort()
  await openRealRedis(context, { port })
  for (const client of redisClients) {
    const opened = await openRedis(client, `redis://127.0.0.1:${port}`).catch((error: unknown) => {
      context.note(`Redis by ${client}`, `does not load: ${String(error).split('\n')[0]}`)
    })
    if (!opened) continue
    const store = redisReplayStore({ send: opened.send, prefix: client.replace('-', '') })
    await measureRate(context, `Redis by ${client}`, store)
    await opened.close()
  }
  const { host } = await openRealPostgres(context)
  for (const client of postgresClients) {
    const { query, close } = await openPostgres(client, host)
    const store = postgresReplayStore({ query, table: client === 'pg' ? 'by_pg' : 'by_js' })
    await store.migrate()
    await measureRate(context, `PostgreSQL by ${client}`, store)
    await close()
  }
}

async function measureRate(context: Context, name: string, store: ReplayStore): Promise<void> {
  await sleep(1100)
  let claims = 0
  let failed = 0
  const end = performance.now() + 1000 * context.amount
  const cpu = process.cpuUsage()
  const work = async (): Promise<void> => {
    while (performance.now() < end) {
      await mustBeFirst(store).then(
        () => (claims += 1),
        () => (failed += 1),
      )
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  const { user, system } = process.cpuUsage(cpu)
  const each = (user + system) / claims
  const rate = claims / context.amount
  context.note(
    `${name}, ${inFlight} in flight`,
    `${rate.toFixed(0)} claims per second, ${each.toFixed(0)} us of CPU time of the client each`,
  )
  context.check(`${name}: claims without an answer: 0`, String(failed), failed === 0)
}
