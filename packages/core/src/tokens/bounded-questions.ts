/** How many questions a server is asked at once, and how many more wait for their turn. */
export interface QuestionLimits {
  readonly inFlight: number
  readonly waiting: number
  /** From the call to the answer, waiting included. */
  readonly milliseconds: number
}

/**
 * Lets so many questions run at a time; more wait, and beyond that are refused at once. A question
 * whose time is up when its turn comes is not asked any more; one that is asked gets a signal for it.
 *
 * @throws Error when there are too many, or when the time is up
 */
export function boundQuestions({
  inFlight,
  waiting,
  milliseconds,
}: QuestionLimits): <T>(ask: (signal: AbortSignal) => Promise<T>) => Promise<T> {
  const queue: (() => void)[] = []
  let running = 0

  async function takeTurn(): Promise<void> {
    if (running < inFlight) {
      running += 1
      return
    }
    if (queue.length >= waiting) throw new Error('too many questions are waiting')
    await new Promise<void>((resolve) => queue.push(resolve))
  }

  /** Whoever is next takes over the place. */
  function endTurn(): void {
    const next = queue.shift()
    if (next === undefined) running -= 1
    else next()
  }

  return async function askBounded(ask) {
    const signal = AbortSignal.timeout(milliseconds)
    await takeTurn()
    try {
      signal.throwIfAborted()
      return await ask(signal)
    } finally {
      endTurn()
    }
  }
}
