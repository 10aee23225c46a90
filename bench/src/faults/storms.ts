import { startApi, startApis, type Api, type ApiSettings } from './api.ts'
import { countOf, createClient, tally, type Answer } from './client.ts'
import type { Context } from './scenario.ts'
import { openRealPostgres, openRealRedis } from './servers.ts'
import { createSigner, shuffled } from './signing.ts'
import type { StoreSettings } from './stores.ts'

const processes = 4
const times = 10
const connections = 32
/** More, and the store would limit the one user they are of. */
const perClient = 1000

/** L4 with Redis. */
export async function stormOnRedis(context: Context): Promise<void> {
  const { socket } = await openRealRedis(context)
  await storm(context, { kind: 'redis', address: socket })
}

/** L4 with PostgreSQL. */
export async function stormOnPostgres(context: Context): Promise<void> {
  const { host } = await openRealPostgres(context)
  await storm(context, { kind: 'postgres', host })
}

/** Every proof several times in random order, over several processes with one store. */
async function storm(context: Context, store: StoreSettings): Promise<void> {
  const signer = createSigner()
  const apis = await startFleet(context, { tokens: { jwks: signer.jwks }, store })
  const proofs = signMany(signer.sign, context.amount)
  const client = createClient(
    apis.map(({ port }) => port),
    connections,
  )
  // Connections are made, code is compiled: what is late for that is lost, but nothing to count here.
  await client.send(signMany(signer.sign, perClient))
  const order = shuffled(
    proofs.map((_, index) => index),
    times,
  )
  const began = performance.now()
  const answers = await client.send(order.map((index) => proofs[index] as string))
  const perSecond = (answers.length * 1000) / (performance.now() - began)
  client.close()
  const accepted = proofs.map(() => 0)
  order.forEach((proof, at) => {
    if (answers[at]?.status === 200) accepted[proof] = (accepted[proof] ?? 0) + 1
  })
  const twice = accepted.filter((count) => count > 1).length
  const never = accepted.filter((count) => count === 0).length
  const total = countOf(answers, 200)
  context.check(
    `accepted exactly ${proofs.length}`,
    `${total} (${tally(answers)})`,
    total === proofs.length,
  )
  context.check('accepted twice: 0', String(twice), twice === 0)
  context.check('never accepted: 0', String(never), never === 0)
  context.note('requests per second', perSecond.toFixed(0))
}

async function startFleet(context: Context, settings: ApiSettings): Promise<readonly Api[]> {
  const apis = await startApis(processes, settings)
  for (const { kill } of apis) context.defer(kill)
  return apis
}

function signMany(sign: (count: number) => readonly string[], count: number): readonly string[] {
  const parts: (readonly string[])[] = []
  for (let left = count; left > 0; left -= perClient) parts.push(sign(Math.min(left, perClient)))
  return parts.flat()
}

const identical = 1000

/** L5: in each round the same request on a thousand connections at once. */
export async function identicalRequests(context: Context): Promise<void> {
  const redis = await openRealRedis(context)
  const stores: Readonly<Record<string, StoreSettings>> = {
    memory: { kind: 'memory' },
    Redis: { kind: 'redis', address: redis.socket },
  }
  for (const [name, store] of Object.entries(stores)) {
    const signer = createSigner()
    const api = await startApi({ tokens: { jwks: signer.jwks }, store })
    context.defer(api.kill)
    const client = createClient([api.port], identical)
    const proofs = signMany(signer.sign, context.amount)
    const answers: Answer[] = []
    let once = 0
    for (const proof of proofs) {
      const round = await client.send(Array.from({ length: identical }, () => proof))
      if (countOf(round, 200) === 1) once += 1
      answers.push(...round)
    }
    client.close()
    context.check(
      `${name}: accepted once in each of ${proofs.length} rounds`,
      `${once} (${tally(answers)})`,
      once === proofs.length,
    )
  }
}

/** F13: the processes are replaced one after the other while old proofs come again. */
export async function rollingRestart(context: Context): Promise<void> {
  const { socket } = await openRealRedis(context)
  const signer = createSigner()
  const settings: ApiSettings = {
    tokens: { jwks: signer.jwks },
    store: { kind: 'redis', address: socket },
  }
  const apis = [...(await startFleet(context, settings))]
  const ports = apis.map(({ port }) => port)
  const proofs = signMany(signer.sign, context.amount)
  const client = createClient(ports, connections)
  const first = await client.send(proofs)
  context.check('all accepted before', tally(first), countOf(first, 200) === proofs.length)
  const replayed: Answer[] = []
  for (const [index, api] of apis.entries()) {
    const replaying = client.send(shuffled(proofs, 1).slice(0, proofs.length / processes))
    await api.kill()
    const next = await startApi({ ...settings, port: ports[index] as number })
    context.defer(next.kill)
    replayed.push(...(await replaying))
  }
  replayed.push(...(await client.send(proofs)))
  const again = countOf(replayed, 200)
  context.check('replays accepted: 0', `${again} (${tally(replayed)})`, again === 0)
  const fresh = await client.send(signer.sign(400))
  context.check('new proofs accepted afterwards', tally(fresh), countOf(fresh, 200) === 400)
  client.close()
}
