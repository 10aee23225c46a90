import { createBreaker, type Breaker } from '../breaker.ts'
import { asStoreError, ReplayStoreError, type ReplayEntry, type ReplayStore } from './store.ts'
import { withinDeadline } from './deadline.ts'

const deadlineMs = 250
const breakers = new WeakMap<ReplayStore, Breaker>()

/**
 * Asks a store that is not trusted to answer: within 250 ms, with a literal boolean, and not at all
 * while it is down.
 *
 * @throws ReplayStoreError for everything else
 */
export async function askStore(store: ReplayStore, entry: ReplayEntry): Promise<boolean> {
  const breaker = breakerOf(store)
  const startedAt = start(breaker)
  try {
    const first: unknown = await withinDeadline(deadlineMs, () => store.claim(entry))
    if (typeof first !== 'boolean') {
      throw new Error(`claim gave a value of type ${typeof first}: it must give true or false`)
    }
    breaker.answered(startedAt)
    return first
  } catch (error) {
    if (isOutage(error)) breaker.failed(error)
    else breaker.answered(startedAt)
    throw asStoreError(error)
  }
}

function breakerOf(store: ReplayStore): Breaker {
  const known = breakers.get(store)
  if (known !== undefined) return known
  const breaker = createBreaker('replay store')
  breakers.set(store, breaker)
  return breaker
}

function start(breaker: Breaker): number {
  try {
    return breaker.start()
  } catch (error) {
    throw asStoreError(error)
  }
}

/** A store that is full, or too young for a proof, answers. */
function isOutage(error: unknown): boolean {
  return !(error instanceof ReplayStoreError) || error.code === 'ERR_POP_REPLAY_UNAVAILABLE'
}
