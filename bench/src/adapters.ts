import type { Jwk } from '@oauth-pop/core'
import { measureLoad, startChild, type Child } from './child.ts'
import { format, quartiles, type Ratio } from './interleave.ts'
import { openLoad, toMessage } from './load.ts'
import { audience, claimsOf, createPool, type Pool } from './proofs.ts'

const frameworks = ['Express', 'Fastify', 'Koa', 'Nest on Express', 'Nest on Fastify'] as const
const contestants = ['bare', 'core', 'adapter'] as const
const aimMicroseconds = 15
const connections = 10
const requestsPerBlock = 250
const rounds = 60
const warmUp = 24

export type Framework = (typeof frameworks)[number]
/** A route of the framework: as it is, with `verify()` in its handler, with the adapter before it. */
export type Contestant = (typeof contestants)[number]

/** What the child process knows of the one access token. */
export interface Token {
  readonly audience: string
  readonly accessToken: string
  readonly claims: Readonly<Record<string, unknown>>
  /** Keys of its issuer, if it is a JWT; without, the token is looked up. */
  readonly jwks?: { readonly keys: readonly Jwk[] }
}

/** Microseconds of server CPU time per request, in one round. */
type Costs = Readonly<Record<Contestant, number>>

/** What each adapter costs beyond core, and its framework with it over without. */
export async function benchAdapters(): Promise<void> {
  console.log('\nadapters, server CPU time per request in microseconds, median (quartiles)')
  for (const framework of frameworks) report(framework, await measure(framework))
}

function report(framework: Framework, costs: readonly Costs[]): void {
  const beyondCore = quartiles(costs.map(({ adapter, core }) => adapter - core))
  const ofCore = quartiles(costs.map(({ core, bare }) => core - bare))
  const ratio = quartiles(costs.map(({ adapter, bare }) => adapter / bare))
  const verdict = beyondCore.median < aimMicroseconds ? 'met' : 'missed'
  console.log(
    `${framework}  beyond core ${inMicroseconds(beyondCore)}   aim ${aimMicroseconds}: ${verdict}`,
  )
  console.log(`${framework}  core ${inMicroseconds(ofCore)}`)
  console.log(`${framework}  with the adapter over bare ${format(ratio)}`)
}

function inMicroseconds({ median, lowerQuartile, upperQuartile }: Ratio): string {
  return `${median.toFixed(1)}  (${lowerQuartile.toFixed(1)} to ${upperQuartile.toFixed(1)})`
}

async function measure(framework: Framework): Promise<readonly Costs[]> {
  const pool = createPool('ES256', requestsPerBlock * (rounds + warmUp))
  const messages = pool.requests.map(toMessage)
  const { child, ready: ports } = await startAdapterServer(framework, pool)
  const loads = {
    bare: await openLoad(ports.bare, connections),
    core: await openLoad(ports.core, connections),
    adapter: await openLoad(ports.adapter, connections),
  }
  const costs: Costs[] = []
  for (let round = 0; round < rounds + warmUp; round += 1) {
    const block = messages.slice(round * requestsPerBlock, (round + 1) * requestsPerBlock)
    const measured = { bare: 0, core: 0, adapter: 0 }
    for (const name of orderOf(round)) {
      measured[name] = (await measureLoad(child, loads[name], block)).cpu
    }
    if (round >= warmUp) costs.push(measured)
  }
  for (const load of Object.values(loads)) load.close()
  child.disconnect()
  return costs
}

/** Without the condition for sources: users run what is built, and Node cannot run Nest's sources. */
export function startAdapterServer(
  framework: Framework,
  pool: Pool,
  jwks?: Token['jwks'],
): Promise<Child<Readonly<Record<Contestant, number>>>> {
  const token: Token = {
    audience,
    accessToken: pool.accessToken,
    claims: claimsOf(pool),
    ...(jwks !== undefined && { jwks }),
  }
  return startChild(
    new URL('./adapter-server.ts', import.meta.url),
    [framework, JSON.stringify(token)],
    ['--expose-gc'],
  )
}

/** Six rounds have all six orders. */
function orderOf(round: number): readonly Contestant[] {
  const turned = [...contestants, ...contestants].slice(round % 3, (round % 3) + 3)
  return round % 2 === 0 ? turned : turned.toReversed()
}
