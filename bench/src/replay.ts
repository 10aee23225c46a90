import { ask, startChild, type Child } from './child.ts'
import {
  format,
  interleave,
  mediansOf,
  quartiles,
  ratioOf,
  type Contestant,
  type Cost,
  type Ratio,
} from './interleave.ts'

const few = 1000
const many = 1_000_000
const blockSize = 200
const rounds = 60
const warmUp = 30
const weighings = 3
const aimBytes = 64
const aimRatio = 1.1

const operations = ['claim', 'verify'] as const
export type Operation = (typeof operations)[number]

/** What the store of a child process is filled with, and what it is going to be asked. */
export interface Filling {
  readonly entries: number
  readonly owners: number
  readonly blockSize: number
  readonly blocks: number
}

/** Bytes per entry. */
export interface Weight {
  readonly heap: number
  readonly rss: number
}

/** Whether the memory store gets slower with what it remembers, and what that weighs. */
export async function benchReplay(): Promise<void> {
  await compareSizes()
  await compareWeights()
}

async function compareSizes(): Promise<void> {
  console.log('\n10^6 live entries over 10^3, CPU time, median (quartiles), microseconds')
  const large = await startFilled(many, few, rounds + warmUp)
  const small = await startFilled(few, few, rounds + warmUp)
  for (const operation of operations) {
    const asking =
      ({ child }: Child<Weight>): Contestant<Cost> =>
      (round) =>
        ask<Cost>(child, [operation, round])
    const measured = await interleave(asking(large), asking(small), rounds, warmUp)
    const of = ({ cpu }: Cost): number => cpu / blockSize
    const [withMany, withFew] = mediansOf(measured, of).map((value) => value.toFixed(2))
    const ratio = ratioOf(measured, of)
    console.log(
      `${operation}  ${format(ratio)}  ${withMany} over ${withFew}   ${verdict(ratio.median, aimRatio)}`,
    )
  }
  for (const { child } of [large, small]) child.disconnect()
}

/** Two children at a time: weighing is not timing. */
async function compareWeights(): Promise<void> {
  console.log('\nmemory replay store, bytes per live entry, median (quartiles)')
  const weights: (readonly [Weight, Weight])[] = []
  while (weights.length < weighings) weights.push(await Promise.all([weigh(few), weigh(many)]))
  for (const part of ['heap', 'rss'] as const) {
    const of = (index: 0 | 1): Ratio => quartiles(weights.map((pair) => pair[index][part]))
    const aim = part === 'heap' ? `   ${verdict(of(0).median, aimBytes)}` : ''
    console.log(`1,000 owners             ${part}  ${format(of(0))}${aim}`)
    console.log(`an owner for each entry  ${part}  ${format(of(1))}`)
  }
}

function verdict(measured: number, aim: number): string {
  return `aim ${aim}: ${measured <= aim ? 'met' : 'missed'}`
}

async function weigh(owners: number): Promise<Weight> {
  const { child, ready } = await startFilled(many, owners, 0)
  child.disconnect()
  return ready
}

function startFilled(entries: number, owners: number, blocks: number): Promise<Child<Weight>> {
  const filling: Filling = { entries, owners, blockSize, blocks }
  const execArgv = [...process.execArgv, '--expose-gc']
  return startChild(
    new URL('./replay-child.ts', import.meta.url),
    [JSON.stringify(filling)],
    execArgv,
  )
}
