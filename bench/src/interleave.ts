/** The median of the rounds, and how far apart they are. */
export interface Ratio {
  readonly median: number
  readonly lowerQuartile: number
  readonly upperQuartile: number
}

/** What a block took, in microseconds. */
export interface Cost {
  readonly cpu: number
  readonly wall: number
}

/** Runs one block; resolves to what it measured when its last operation has ended. */
export type Contestant<Measure> = (round: number) => Promise<Measure>
export type Block = Contestant<void>
export type Round<Measure> = readonly [a: Measure, b: Measure]

/**
 * Both run in short blocks by turns, the order swapped every round, so that whatever else the
 * machine does meets both; the median of the rounds forgets the rest. The first rounds warm up and
 * do not count.
 */
export async function interleave<Measure>(
  a: Contestant<Measure>,
  b: Contestant<Measure>,
  rounds: number,
  warmUp: number,
): Promise<readonly Round<Measure>[]> {
  const measured: Round<Measure>[] = []
  for (let round = 0; round < rounds + warmUp; round += 1) {
    const [first, second] = round % 2 === 0 ? [a, b] : [b, a]
    const pair = [await first(round), await second(round)] as const
    if (round >= warmUp) measured.push(round % 2 === 0 ? pair : [pair[1], pair[0]])
  }
  return measured
}

/** The ratio of the CPU time of `a` to that of `b`. */
export async function compareCpuTime(
  a: Block,
  b: Block,
  rounds: number,
  warmUp: number,
): Promise<Ratio> {
  return ratioOf(await interleave(timed(a), timed(b), rounds, warmUp), ({ cpu }) => cpu)
}

export function timed(block: Block): Contestant<Cost> {
  return async (round) => {
    const [before, start] = [process.cpuUsage(), performance.now()]
    await block(round)
    const wall = (performance.now() - start) * 1000
    const { user, system } = process.cpuUsage(before)
    return { cpu: user + system, wall }
  }
}

export function ratioOf<Measure>(
  rounds: readonly Round<Measure>[],
  of: (measure: Measure) => number,
): Ratio {
  return quartiles(rounds.map(([a, b]) => of(a) / of(b)))
}

/** The medians of both. */
export function mediansOf<Measure>(
  rounds: readonly Round<Measure>[],
  of: (measure: Measure) => number,
): Round<number> {
  const median = (index: 0 | 1): number => quartiles(rounds.map((pair) => of(pair[index]))).median
  return [median(0), median(1)]
}

export function quartiles(values: readonly number[]): Ratio {
  const [lowerQuartile, median, upperQuartile] = quantiles(values, [0.25, 0.5, 0.75]) as [
    number,
    number,
    number,
  ]
  return { median, lowerQuartile, upperQuartile }
}

export function quantiles(values: readonly number[], parts: readonly number[]): readonly number[] {
  const sorted = values.toSorted((left, right) => left - right)
  return parts.map((part) => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN)
}

export function format({ median, lowerQuartile, upperQuartile }: Ratio): string {
  return `${median.toFixed(2)}  (${lowerQuartile.toFixed(2)} to ${upperQuartile.toFixed(2)})`
}
