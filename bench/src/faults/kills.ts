import { setTimeout as sleep } from 'node:timers/promises'
import { startRedisCluster } from '@oauth-pop/testkit'
import { startApis, type Api } from './api.ts'
import { countOf, createClient, tally, type Answer, type Client } from './client.ts'
import type { Context } from './scenario.ts'
import { openRealPostgres, openRealRedis } from './servers.ts'
import { createSigner, kept, repeated, type Signer } from './signing.ts'
import type { StoreSettings } from './stores.ts'

const rate = 200
const processes = 2

interface Fleet {
  readonly signer: Signer
  readonly client: Client
  readonly apis: readonly Api[]
}

async function startFleet(context: Context, store: StoreSettings): Promise<Fleet> {
  const signer = createSigner(0)
  const apis = await startApis(processes, { tokens: { jwks: signer.jwks }, store })
  for (const { kill } of apis) context.defer(kill)
  const client = createClient(
    apis.map(({ port }) => port),
    20,
  )
  context.defer(client.close)
  // Proofs of the second in which the memory of the store began are refused.
  await sleep(1200)
  return { signer, client, apis }
}

/**
 * New proofs under way, a server dies and comes back, and all that was ever accepted comes again, from
 * the death until a while after the return.
 */
async function dieAndReplay(
  context: Context,
  name: string,
  { signer, client }: Fleet,
  die: () => Promise<void>,
): Promise<void> {
  const stream = signer.stream()
  const sent: string[] = []
  const first = client.sendAtRate(kept(stream, sent), 2 * rate, 1.5)
  // It dies between the use of a proof and the word of it.
  await sleep(1000)
  const dying = die()
  const answers = await first
  const accepted = sent.filter((_, index) => answers[index]?.status === 200)
  if (accepted.length === 0) throw new Error('nothing was accepted before')
  const replayed: Answer[] = []
  let back = false
  void dying.then(() => (back = true))
  while (!back) replayed.push(...(await client.sendAtRate(repeated(accepted), rate, 0.2)))
  await dying
  const fresh: Answer[] = []
  for (let turn = 0; turn < context.amount; turn += 1) {
    const [again, good] = await Promise.all([
      client.sendAtRate(repeated(accepted), rate, 1),
      client.sendAtRate(stream, rate, 1),
    ])
    replayed.push(...again)
    fresh.push(...good)
  }
  replayed.push(...(await client.send(accepted)))
  const count = countOf(replayed, 200)
  context.check(
    `${name}: replays accepted: 0`,
    `${count} of ${accepted.length} proofs (${tally(replayed)})`,
    count === 0,
  )
  const last = fresh.slice(-rate)
  context.check(
    `${name}: new proofs are accepted again`,
    tally(last),
    countOf(last, 200) > 0.95 * last.length,
  )
}

const downMs = 500

/** K1 */
export async function killRedis(context: Context): Promise<void> {
  for (const [name, persistence] of [
    ['Redis without persistence', 'none'],
    ['Redis with a log of every write', 'log'],
    ['Redis with snapshots', 'snapshot'],
  ] as const) {
    if (context.short && persistence === 'snapshot') continue
    const redis = await openRealRedis(context, { persistence })
    const fleet = await startFleet(context, { kind: 'redis', address: redis.socket })
    if (persistence === 'snapshot') await redis.send('SAVE')
    await dieAndReplay(context, name, fleet, async () => {
      await redis.kill()
      await sleep(downMs)
      await redis.restart()
    })
  }
}

/** K2 */
export async function killPostgres(context: Context): Promise<void> {
  const postgres = await openRealPostgres(context)
  const fleet = await startFleet(context, { kind: 'postgres', host: postgres.host })
  await dieAndReplay(context, 'PostgreSQL', fleet, async () => {
    await postgres.kill()
    await sleep(downMs)
    await postgres.restart()
  })
}

/** K3 */
export async function failOverCluster(context: Context): Promise<void> {
  for (const lags of context.short ? [true] : [false, true]) {
    const cluster = await startRedisCluster()
    context.defer(cluster.stop)
    const address = cluster.nodes.map(({ port }) => `redis://127.0.0.1:${port}`)
    const prefix = await prefixOfFirst(cluster.first.send)
    const fleet = await startFleet(context, { kind: 'redis', address, prefix })
    const name = lags ? 'cluster, a replica that lags is promoted' : 'cluster, its master dies'
    await dieAndReplay(context, name, fleet, async () => {
      if (lags) {
        await cluster.stopReplication()
        await sleep(downMs)
        await cluster.first.kill()
        await cluster.failOver('TAKEOVER')
      } else await cluster.killFirst()
    })
  }
}

const slotsOfFirst = 5461

/** Keys with it are on the node that is going to die. */
async function prefixOfFirst(send: (...words: string[]) => Promise<unknown>): Promise<string> {
  for (let number = 0; ; number += 1) {
    const prefix = `pop${number}`
    if (Number(await send('CLUSTER', 'KEYSLOT', prefix)) <= slotsOfFirst) return prefix
  }
}
