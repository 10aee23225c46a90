import { startChild } from '../child.ts'
import type { Context } from './scenario.ts'

export interface Flood {
  readonly kind: 'one owner' | 'forged' | 'fill'
  readonly count: number
  readonly owners: number
  readonly maxEntriesPerOwner?: number
}

export interface FloodFigures {
  /** What the store took, or for forged proofs how often it was asked. */
  readonly entries: number
  /** What must not be: refusals to others, or forged proofs that were not refused. */
  readonly others: number
  /** Milliseconds. */
  readonly longestTurn: number
  /** What was added, in bytes, after a collection. */
  readonly heap: number
  readonly rss: number
  /** Microseconds of CPU time. */
  readonly cpuEach: number
}

const mb = 1e6
const inMb = (bytes: number): string => `${(bytes / mb).toFixed(1)} MB`

async function flood(context: Context, settings: Flood): Promise<FloodFigures> {
  const file = new URL('./store-child.ts', import.meta.url)
  const { child, ready } = await startChild<FloodFigures>(
    file,
    [JSON.stringify(settings)],
    ['--expose-gc', '--no-warnings'],
  )
  context.defer(() => child.kill())
  return ready
}

/** L7: what is verified already, in the memory store. */
export async function oneOwner(context: Context): Promise<void> {
  const count = context.amount
  const caps = [
    { cap: 100_000, heapMb: 10, rssMb: 40, name: 'the default limit' },
    { cap: 1_000_000, heapMb: 80, rssMb: 180, name: 'a limit of a million' },
  ]
  for (const { cap, heapMb, rssMb, name } of caps) {
    if (cap > count) continue
    const settings = { kind: 'one owner', count, owners: 1, maxEntriesPerOwner: cap } as const
    const { entries, others, longestTurn, heap, rss } = await flood(context, settings)
    const { check } = context
    check(`${name}: entries of the owner at most ${cap}`, String(entries), entries <= cap)
    check(`${name}: heap grows by less than ${heapMb} MB`, inMb(heap), heap < heapMb * mb)
    check(`${name}: resident set grows by less than ${rssMb} MB`, inMb(rss), rss < rssMb * mb)
    checkStall(context, name, longestTurn)
    check(`${name}: other owners refused: 0`, String(others), others === 0)
  }
}

function checkStall({ check, note, short }: Context, name: string, longestTurn: number): void {
  const figure = `${longestTurn.toFixed(1)} ms`
  // One turn among so many that somebody else had the core meets any limit on a busy machine.
  if (short) note(`${name}: longest turn of the event loop`, figure)
  else check(`${name}: no turn of the event loop over 50 ms`, figure, longestTurn < 50)
}

/** L8 */
export async function forgedProofs(context: Context): Promise<void> {
  const settings = { kind: 'forged', count: context.amount, owners: 1 } as const
  const { entries, others, rss, cpuEach } = await flood(context, settings)
  context.check('the store is asked 0 times', String(entries), entries === 0)
  context.check('forged proofs not refused: 0', String(others), others === 0)
  context.check('resident set grows by less than 20 MB', inMb(rss), rss < 20 * mb)
  context.check(
    'CPU time for a refusal under 0.5 ms',
    `${(cpuEach / 1000).toFixed(3)} ms`,
    cpuEach < 500,
  )
}

/** M1 */
export async function memoryStore(context: Context): Promise<void> {
  const settings = { kind: 'fill', count: context.amount, owners: 1000 } as const
  const { entries, heap, longestTurn } = await flood(context, settings)
  const each = heap / entries
  context.check('live entries are all there', String(entries), entries === context.amount)
  context.check('heap for an entry at most 64 bytes', `${each.toFixed(1)} bytes`, each <= 64)
  checkStall(context, '1,000 owners', longestTurn)
}
