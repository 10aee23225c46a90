import { startAdapterServer } from './adapters.ts'
import { measureLoad } from './child.ts'
import {
  format,
  interleave,
  mediansOf,
  quantiles,
  ratioOf,
  type Contestant,
  type Round,
} from './interleave.ts'
import { openLoad, toMessage } from './load.ts'
import { createIssuer, createPool } from './proofs.ts'

const connections = 20
const requestsPerBlock = 1000
const rounds = 40
const warmUp = 10

type Measure = Awaited<ReturnType<typeof measureLoad>>

/** What one process answers with and without the middleware, a JWT and ES256 proofs, under load. */
export async function benchProcess(): Promise<void> {
  console.log('\none Express process under load, protected over bare, median (quartiles)')
  const { createToken, jwks } = createIssuer('ES256')
  const pool = createPool('ES256', requestsPerBlock * (rounds + warmUp), { createToken })
  const messages = pool.requests.map(toMessage)
  const { child, ready: ports } = await startAdapterServer('Express', pool, jwks)
  const loads = [
    await openLoad(ports.adapter, connections),
    await openLoad(ports.bare, connections),
  ] as const
  const [guarded, bare] = loads.map((load): Contestant<Measure> => {
    return (round) => {
      const start = round * requestsPerBlock
      return measureLoad(child, load, messages.slice(start, start + requestsPerBlock))
    }
  }) as [Contestant<Measure>, Contestant<Measure>]
  report(await interleave(guarded, bare, rounds, warmUp))
  for (const load of loads) load.close()
  child.disconnect()
}

function report(measured: readonly Round<Measure>[]): void {
  const perSecond = ({ wall }: Measure): number => 1e6 / wall
  const waited =
    (part: number) =>
    (measure: Measure): number =>
      quantiles(measure.waited, [part])[0] as number
  const both = (of: (measure: Measure) => number, digits: number): string => {
    const [guarded, bare] = mediansOf(measured, of).map((value) => value.toFixed(digits))
    return `${guarded} over ${bare}`
  }
  const line = (name: string, of: (measure: Measure) => number, digits: number): void =>
    console.log(`${name}  ${both(of, digits)}  ${format(ratioOf(measured, of))}`)
  line('requests per second', perSecond, 0)
  line('server CPU per request, microseconds', ({ cpu }) => cpu, 1)
  line('latency p50, milliseconds', waited(0.5), 2)
  line('latency p99, milliseconds', waited(0.99), 2)
}
