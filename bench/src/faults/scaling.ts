import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantiles } from '../interleave.ts'
import { startApis, type Api } from './api.ts'
import { createClient } from './client.ts'
import type { Context } from './scenario.ts'
import { openRealRedis } from './servers.ts'
import { createSigner, type Signer } from './signing.ts'

const processes = 4
/** For each process, so that all get equally warm. */
const perBlock = 1000
const warmUp = 4

/** What a request took of CPU time, and how many there were in a second. */
interface Block {
  readonly cpu: number
  readonly perSecond: number
}

/**
 * C3: whether requests get dearer when several processes share a store. The client and Redis are on the
 * same cores as the processes, so that requests per second say how many cores there are. What a fleet
 * adds is what it takes of CPU time for a request: four processes give as many requests for a second
 * of CPU time as one does, or they do not.
 */
export async function throughputOfFleet(context: Context): Promise<void> {
  const { socket } = await openRealRedis(context)
  const signer = createSigner()
  const settings = {
    tokens: { jwks: signer.jwks },
    store: { kind: 'redis', address: socket },
  } as const
  const apis = await startApis(processes, settings)
  for (const { kill } of apis) context.defer(kill)
  await sleep(1100)
  const one = apis.slice(0, 1)
  const ratios: number[] = []
  const rates: number[] = []
  for (let round = 0; round < context.amount + warmUp; round += 1) {
    const orders = round % 2 === 0 ? [one, apis] : [apis, one]
    const [first, second] = [
      await sendBlock(signer, orders[0] as readonly Api[]),
      await sendBlock(signer, orders[1] as readonly Api[]),
    ]
    const [alone, fleet] = round % 2 === 0 ? [first, second] : [second, first]
    if (round < warmUp) continue
    ratios.push(alone.cpu / fleet.cpu)
    rates.push(fleet.perSecond / alone.perSecond)
  }
  const [ratio, rate] = [ratios, rates].map((values) => quantiles(values, [0.5])[0] as number) as [
    number,
    number,
  ]
  context.check(
    `requests for a second of CPU time, ${processes} processes over 1, at least 0.95`,
    ratio.toFixed(2),
    ratio >= 0.95,
  )
  context.note(
    `requests per second, ${processes} processes over 1, with the client and Redis on the same ${cpus().length} cores`,
    rate.toFixed(2),
  )
}

async function sendBlock(signer: Signer, apis: readonly Api[]): Promise<Block> {
  const count = perBlock * apis.length
  const messages = Array.from({ length: apis.length }, () => signer.sign(perBlock)).flat()
  const client = createClient(
    apis.map(({ port }) => port),
    32,
  )
  const used = async (): Promise<number> => {
    const reports = await Promise.all(apis.map(({ report }) => report()))
    return reports.reduce((sum, { cpu }) => sum + cpu, 0)
  }
  const before = await used()
  const start = performance.now()
  await client.send(messages)
  const perSecond = (count * 1000) / (performance.now() - start)
  const cpu = (await used()) - before
  client.close()
  return { cpu: cpu / count, perSecond }
}
