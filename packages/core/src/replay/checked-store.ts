import { createBreaker, type Breaker } from '../breaker.ts'
import { asError } from '../errors.ts'
import { ReplayStoreError, type ReplayEntry, type ReplayStore } from './store.ts'
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
  const ended = startUse(store)
  try {
    const first: unknown = await withinDeadline(deadlineMs, () => store.claim(entry))
    if (typeof first !== 'boolean') {
      throw new Error(`claim gave a value of type ${typeof first}: it must give true or false`)
    }
    ended()
    return first
  } catch (error) {
    const refusal = asStoreError(error)
    // A full store answers.
    ended(refusal.code === 'ERR_POP_REPLAY_UNAVAILABLE' ? refusal : undefined)
    throw refusal
  }
}

function startUse(store: ReplayStore): (failure?: Error) => void {
  const breaker = breakers.get(store) ?? createBreaker('replay store')
  breakers.set(store, breaker)
  try {
    return breaker.start()
  } catch (error) {
    throw asStoreError(error)
  }
}

function asStoreError(error: unknown): ReplayStoreError {
  if (error instanceof ReplayStoreError) return error
  return new ReplayStoreError('ERR_POP_REPLAY_UNAVAILABLE', { cause: asError(error) })
}
