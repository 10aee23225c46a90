import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { startApi, type ApiSettings } from './api.ts'
import { countOf, createClient, tally, type Answer } from './client.ts'
import type { Context } from './scenario.ts'
import { openRealRedis } from './servers.ts'
import { createSigner, kept } from './signing.ts'
import type { StoreSettings } from './stores.ts'

const rate = 200
const secondsOfLife = 5

/** F9: killed and started again every five seconds; every proof comes again after each death. */
export async function killedApi(context: Context): Promise<void> {
  const redis = await openRealRedis(context)
  await killRepeatedly(context, 'Redis', { kind: 'redis', address: redis.socket })
  await killRepeatedly(context, 'memory', { kind: 'memory' })
}

async function killRepeatedly(context: Context, name: string, store: StoreSettings): Promise<void> {
  // Honest clients: dated now. A proof of the future is what the guard of the memory store cannot know.
  const signer = createSigner(0)
  const settings: ApiSettings = { tokens: { jwks: signer.jwks }, store }
  let api = await startApi(settings)
  const { port } = api
  context.defer(() => api.kill())
  const client = createClient([port], 20)
  const stream = signer.stream()
  const accepted: string[] = []
  const replayed: Answer[] = []
  const fresh: Answer[] = []
  // The seconds are shared out between both stores.
  for (let spent = 0; spent < context.amount / 2; spent += secondsOfLife) {
    const replays = shuffle(accepted)
    const sent: string[] = []
    const [good, bad] = await Promise.all([
      client.sendAtRate(kept(stream, sent), rate, secondsOfLife - 1),
      client.sendAtRate(replays, Math.min(rate, accepted.length / 4), secondsOfLife - 1),
    ])
    good.forEach(({ status }, index) => {
      if (status === 200) accepted.push(sent[index] as string)
    })
    fresh.push(...good)
    replayed.push(...bad)
    const dying = client.sendAtRate(kept(stream, sent), rate, 0.5)
    await sleep(250)
    await api.kill()
    await dying
    api = await startApi({ ...settings, port })
  }
  const last = await client.send(accepted)
  replayed.push(...last)
  const again = countOf(replayed, 200)
  context.check(`${name}: replays accepted: 0`, `${again} (${tally(replayed)})`, again === 0)
  context.note(`${name}: new proofs`, tally(fresh))
  client.close()
}

/** Any of them, for ever. */
function* shuffle(items: readonly string[]): Generator<string> {
  while (items.length > 0) yield items[Math.floor(Math.random() * items.length)] as string
}

const inFlight = 20
const handlerMs = 800
const hosts = ['http', 'Fastify', 'Express'] as const

/** F10: each round with requests in their handlers. */
export async function drained(context: Context): Promise<void> {
  const redis = await openRealRedis(context)
  const stores: readonly StoreSettings[] = [
    { kind: 'memory' },
    { kind: 'redis', address: redis.socket },
  ]
  for (const store of stores) {
    for (const host of context.short ? (['Express'] as const) : hosts) {
      const signer = createSigner()
      const api = await startApi({ host, tokens: { jwks: signer.jwks }, store, handlerMs })
      context.defer(api.kill)
      const client = createClient([api.port], inFlight)
      await client.send(signer.sign(2 * inFlight))
      const answering = client.send(signer.sign(inFlight))
      await sleep(handlerMs / 2)
      const began = performance.now()
      const exited = once(api.child, 'exit') as Promise<[number | null, string | null]>
      api.child.kill('SIGTERM')
      const answers = await answering
      const [code, signal] = await Promise.race([exited, sleep(6000, [null, 'none in 6 s'])])
      const took = performance.now() - began
      const name = `${store.kind}, ${host}`
      context.check(
        `${name}: what was under way is answered`,
        tally(answers),
        countOf(answers, 200) === inFlight,
      )
      context.check(
        `${name}: the process ends by itself within 5 s`,
        `${took.toFixed(0)} ms, code ${code ?? signal}`,
        code === 0 && took < 5000,
      )
      client.close()
    }
  }
}

const blockMs = 500

/** F11: the application holds the event loop, several times. */
export async function blockedLoop(context: Context): Promise<void> {
  const redis = await openRealRedis(context)
  const signer = createSigner()
  const api = await startApi({
    tokens: { jwks: signer.jwks },
    store: { kind: 'redis', address: redis.socket },
  })
  context.defer(api.kill)
  const client = createClient([api.port], 40)
  const loading = client.sendAtRate(signer.stream(), 400, 1.5 * context.amount)
  for (let block = 0; block < context.amount; block += 1) {
    await sleep(700)
    await api.tell({ do: 'block', milliseconds: blockMs })
  }
  const answers = await loading
  const late = countOf(answers, 503)
  context.check(
    'deadlines that fire for the block, at most one each',
    `${late} in ${context.amount} blocks (${tally(answers)})`,
    late <= context.amount,
  )
  context.check(
    'refused for another reason: 0',
    tally(answers),
    countOf(answers, 200, 503) === answers.length,
  )
  client.close()
}
