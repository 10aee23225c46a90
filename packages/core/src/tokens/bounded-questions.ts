/** How many questions a server is asked at once, and how many more wait for their turn. */
export interface QuestionLimits {
  readonly inFlight: number
  /** How many of them may be of one lane, so that neither lane can take all places. */
  readonly ofOneLane: number
  /** For each lane. */
  readonly waiting: number
  /** From the call to the answer, waiting included. */
  readonly milliseconds: number
}

/** Questions of the first lane take a free place before those of the second. */
export type Lane = 0 | 1

type AskBounded = <T>(lane: Lane, ask: (signal: AbortSignal) => Promise<T>) => Promise<T>

/**
 * Lets so many questions run at a time; more wait, and beyond that are refused at once. A question
 * whose time is up when its turn comes is not asked any more; one that is asked gets a signal for it.
 *
 * @throws Error when there are too many, or when the time is up
 */
export function boundQuestions(limits: QuestionLimits): AskBounded {
  const { inFlight, ofOneLane, waiting, milliseconds } = limits
  const queues: readonly (() => void)[][] = [[], []]
  const running = [0, 0]

  const countOf = (lane: Lane): number => running[lane] as number
  const queueOf = (lane: Lane): (() => void)[] => queues[lane] as (() => void)[]

  function tryStart(lane: Lane): boolean {
    if (countOf(0) + countOf(1) >= inFlight || countOf(lane) >= ofOneLane) return false
    running[lane] = countOf(lane) + 1
    return true
  }

  async function takeTurn(lane: Lane): Promise<void> {
    if (tryStart(lane)) return
    if (queueOf(lane).length >= waiting) throw new Error('too many questions are waiting')
    await new Promise<void>((resolve) => queueOf(lane).push(resolve))
  }

  /** Whoever is next takes over the place. */
  function endTurn(lane: Lane): void {
    running[lane] = countOf(lane) - 1
    for (const next of [0, 1] as const) {
      if (queueOf(next).length > 0 && tryStart(next)) return queueOf(next).shift()?.()
    }
  }

  return async function askBounded(lane, ask) {
    const signal = AbortSignal.timeout(milliseconds)
    await takeTurn(lane)
    try {
      signal.throwIfAborted()
      return await ask(signal)
    } finally {
      endTurn(lane)
    }
  }
}
