/** How much more CPU time one thing takes than another. */
export interface Ratio {
  readonly median: number
  readonly lowerQuartile: number
  readonly upperQuartile: number
}

/** Runs one block of a contestant; resolves when its last operation has ended. */
export type Block = (round: number) => Promise<void>

/**
 * The ratio of the CPU time of `a` to that of `b`. Both run in short blocks by turns, the order
 * swapped every round, so that whatever else the machine does meets both; the median of the rounds
 * forgets the rest. The first rounds warm up and do not count.
 */
export async function compareCpuTime(
  a: Block,
  b: Block,
  rounds: number,
  warmUp: number,
): Promise<Ratio> {
  const ratios: number[] = []
  for (let round = 0; round < rounds + warmUp; round += 1) {
    const [first, second] = round % 2 === 0 ? [a, b] : [b, a]
    const times = [await cpuTimeOf(first, round), await cpuTimeOf(second, round)] as const
    const [ofA, ofB] = round % 2 === 0 ? times : [times[1], times[0]]
    if (round >= warmUp) ratios.push(ofA / ofB)
  }
  return quartiles(ratios)
}

async function cpuTimeOf(block: Block, round: number): Promise<number> {
  const before = process.cpuUsage()
  await block(round)
  const { user, system } = process.cpuUsage(before)
  return user + system
}

export function quartiles(values: readonly number[]): Ratio {
  const sorted = values.toSorted((left, right) => left - right)
  const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN
  return { median: at(0.5), lowerQuartile: at(0.25), upperQuartile: at(0.75) }
}

export function format({ median, lowerQuartile, upperQuartile }: Ratio): string {
  return `${median.toFixed(2)}  (${lowerQuartile.toFixed(2)} to ${upperQuartile.toFixed(2)})`
}
