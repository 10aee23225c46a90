import { rowOf, type Query } from './query.ts'

const everyMs = 10_000
const rowsAtOnce = 1000
/** Beyond that the next sweep goes on: no process is busy with this for long. */
const batchesAtOnce = 100

/**
 * Deletes dead rows in small batches, at most every ten seconds and beside the claim that started it.
 * Several processes may sweep at the same time: each skips the rows of the others. What fails is left for
 * the next time, for dead rows do no harm.
 */
export function createSweeper(
  query: Query,
  statements: readonly string[],
  now: () => number = Date.now,
): () => void {
  let nextAt = performance.now() + everyMs
  let sweeping = false

  async function sweep(statement: string): Promise<void> {
    for (let batch = 0; batch < batchesAtOnce; batch += 1) {
      const { gone } = rowOf(await query(statement, [Math.floor(now() / 1000), rowsAtOnce]))
      if (gone !== rowsAtOnce) return
    }
  }

  async function sweepAll(): Promise<void> {
    sweeping = true
    try {
      for (const statement of statements) await sweep(statement)
    } catch {
      // The claims say what is wrong with the server.
    } finally {
      sweeping = false
      nextAt = performance.now() + everyMs
    }
  }

  return function sweepIfDue() {
    if (!sweeping && performance.now() >= nextAt) void sweepAll()
  }
}
