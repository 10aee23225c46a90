import { setTimeout as sleep } from 'node:timers/promises'
import { startRedisFaultServer, type RedisFault, type RedisFaultServer } from '@oauth-pop/testkit'
import { startApi, type Api } from './api.ts'
import { countOf, createClient, tally } from './client.ts'
import { checkBack, checkDown, longestMs, rate } from './outage.ts'
import type { Context } from './scenario.ts'
import { openRealRedis } from './servers.ts'
import { createSigner, kept, type Signer } from './signing.ts'
import type { StoreSettings } from './stores.ts'

const connections = 20

async function start(context: Context, signer: Signer, store: StoreSettings): Promise<Api> {
  const api = await startApi({ tokens: { jwks: signer.jwks }, store })
  context.defer(api.kill)
  return api
}

/** F1 */
export async function killedRedis(context: Context): Promise<void> {
  const redis = await openRealRedis(context)
  const signer = createSigner()
  const api = await start(context, signer, { kind: 'redis', address: redis.socket })
  const client = createClient([api.port], connections)
  const old = signer.sign(rate)
  const before = await client.send(old)
  context.check('accepted before', tally(before), countOf(before, 200) === rate)

  const stream = signer.stream()
  await redis.kill()
  await client.sendAtRate(stream, rate, 0.3)
  const down = await client.sendAtRate(stream, rate, context.amount)
  checkDown(context, 'while it is down, from 300 ms on', down, 500)

  await redis.restart()
  await checkBack(context, client, stream, old, 4)
  client.close()
}

/** F2 */
export async function hungRedis(context: Context): Promise<void> {
  const server = await startFaultRedis(context)
  const signer = createSigner()
  const api = await start(context, signer, addressOf(server))
  const client = createClient([api.port], connections)
  const before = await client.send(signer.sign(rate))
  context.check('accepted before', tally(before), countOf(before, 200) === rate)
  await server.answer('hang')
  const connectionsBefore = server.connections
  await client.sendAtRate(signer.stream(), rate, 1)
  const { heap: heapBefore } = await api.report(true)
  const down = await client.sendAtRate(signer.stream(), rate, context.amount)
  const { heap: heapAfter } = await api.report(true)
  checkDown(context, 'while it hangs', down, longestMs)
  const churn = (server.connections - connectionsBefore) / (context.amount + 1)
  context.check('at most one new connection per second', churn.toFixed(2), churn <= 1)
  const grown = (heapAfter - heapBefore) / 1e6
  context.check('heap grows by less than 2 MB', `${grown.toFixed(2)} MB`, grown < 2)
  await server.answer('ok')
  await sleep(1000)
  const after = await client.sendAtRate(signer.stream(), rate, 1)
  context.check('accepted afterwards', tally(after), countOf(after, 200) === after.length)
  client.close()
}

async function startFaultRedis(context: Context): Promise<RedisFaultServer> {
  const redis = await openRealRedis(context)
  const server = await startRedisFaultServer({ upstream: redis.socket })
  context.defer(() => server.close())
  return server
}

function addressOf({ port }: RedisFaultServer): StoreSettings {
  return { kind: 'redis', address: `redis://127.0.0.1:${port}` }
}

const oneIn = 20

/** F3 */
export async function appliedThenReset(context: Context): Promise<void> {
  const server = await startFaultRedis(context)
  const signer = createSigner()
  const api = await start(context, signer, addressOf(server))
  const client = createClient([api.port], connections)
  const stream = signer.stream()
  await client.sendAtRate(stream, rate, 0.5)
  let asked = 0
  await server.answer(() => (++asked % oneIn === 0 ? 'apply-then-reset' : 'ok'))
  const sent: string[] = []
  const answers = await client.sendAtRate(kept(stream, sent), rate, context.amount)
  await server.answer('ok')
  await sleep(1000)
  const again = await client.send(sent)
  const twice = again.filter(({ status }, index) => {
    return status === 200 && answers[index]?.status === 200
  }).length
  const part = countOf(answers, 503) / answers.length
  context.check(
    'all either 200 or 503',
    tally(answers),
    countOf(answers, 200, 503) === answers.length,
  )
  context.check(
    'no reset is answered with 200: at least 5 % are 503',
    `${(100 * part).toFixed(1)} %`,
    part >= 0.9 / oneIn,
  )
  // A client with one connection loses all that is under way on it.
  const figure = `${(100 * part).toFixed(1)} %`
  if (context.short) context.note('503 altogether', figure)
  else context.check('503 for little else: at most 10 %', figure, part <= 0.1)
  context.check('accepted twice: 0', String(twice), twice === 0)
  const fresh = await client.send(signer.sign(countOf(answers, 503)))
  context.check(
    'new proofs in place of those are accepted',
    tally(fresh),
    countOf(fresh, 200) === fresh.length,
  )
  client.close()
}

const faults: readonly RedisFault[] = ['readonly', 'oom', 'loading', 'moved', 'garbage', 'reset']

/** F4: the seconds are for each fault. */
export async function answersOfFaults(context: Context): Promise<void> {
  const server = await startFaultRedis(context)
  const signer = createSigner()
  const api = await start(context, signer, addressOf(server))
  const client = createClient([api.port], connections)
  const stream = signer.stream()
  for (const fault of faults) {
    await server.answer(fault)
    await api.report()
    const answers = await client.sendAtRate(stream, rate, context.amount)
    const { warnings, outages } = await api.report()
    context.check(`${fault}: all 503`, tally(answers), countOf(answers, 503) === answers.length)
    const lines = warnings + outages
    context.check(
      `${fault}: at most one warning or outage event per second`,
      `${lines} in ${context.amount} s`,
      lines <= Math.max(1, context.amount),
    )
    await server.answer('ok')
    await sleep(1000)
  }
  const after = await client.sendAtRate(stream, rate, 1)
  context.check('accepted afterwards', tally(after), countOf(after, 200) === after.length)
  client.close()
}
