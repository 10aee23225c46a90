// A child process: a replay store with live entries, what they weigh, and blocks whenever it is asked.
import { hash } from 'node:crypto'
import {
  createVerifier,
  memoryReplayStore,
  type ReplayEntry,
  type ReplayStore,
} from '@oauth-pop/core'
import { timed, type Block } from './interleave.ts'
import { audience, createPool } from './proofs.ts'
import type { Filling, Operation, Weight } from './replay.ts'
import { givenToken } from './verify.ts'

const { entries, owners, blockSize, blocks } = JSON.parse(process.argv[2] ?? '{}') as Filling
const lifetime = 300
const bucketMilliseconds = 32_000
/** Time stands still at the start of a bucket: nothing expires, and every run has the same buckets. */
const stopped = Math.ceil(Date.now() / bucketMilliseconds) * bucketMilliseconds
const now = (): number => stopped
const seconds = stopped / 1000
let made = 0

// Compiled and warm before anything is weighed.
await createFilledStore(1000)
const before = weigh()
let store = await createFilledStore(entries)
const after = weigh()
let added = 0

const pool = createPool('ES256', blockSize * blocks)
const verifier = createVerifier({
  publicUrl: audience,
  tokens: givenToken(pool),
  replay: { claim: (entry) => store.claim(entry) },
  now,
})
let fresh: readonly ReplayEntry[] = []

const operations: Readonly<Record<Operation, Block>> = {
  async claim() {
    for (const entry of fresh) if (!(await store.claim(entry))) throw new Error('a replay')
  },
  async verify(round) {
    const start = round * blockSize
    for (const request of pool.requests.slice(start, start + blockSize))
      await verifier.verify(request)
    // So that each contestant pays for its own garbage.
    globalThis.gc?.({ type: 'minor', execution: 'sync' })
  },
}

process.on('message', ([operation, round]: [Operation, number]) => {
  void run(operation, round).then((cost) => process.send?.(cost))
})
process.once('disconnect', () => process.exit())
process.send?.({
  heap: (after.heapUsed - before.heapUsed) / entries,
  rss: (after.rss - before.rss) / entries,
} satisfies Weight)

async function run(operation: Operation, round: number): ReturnType<ReturnType<typeof timed>> {
  // A small store would not stay small.
  if (added + blockSize > entries / 5) {
    store = await createFilledStore(entries)
    added = 0
  }
  added += blockSize
  fresh = Array.from({ length: blockSize }, (_, index) => createEntry(index, 0))
  return timed(operations[operation])(round)
}

/** Proofs of every age, so that the store has as many buckets as it can have. */
async function createFilledStore(size: number): Promise<ReplayStore> {
  const filled = memoryReplayStore({ maxEntries: 2 * size, restartGuard: 'off', now })
  for (let index = 0; index < size; index += 1)
    await filled.claim(createEntry(index, index % (lifetime + 1)))
  return filled
}

/** No two have the same id. The strings are new each time, as they are for a request. */
function createEntry(index: number, age: number): ReplayEntry {
  made += 1
  const issuedAt = seconds - age
  return {
    id: hash('sha256', `entry ${made}`, 'base64url'),
    owner: hash('sha256', `owner ${index % owners}`, 'base64url'),
    issuedAt,
    expiresAt: issuedAt + lifetime,
  }
}

function weigh(): NodeJS.MemoryUsage {
  globalThis.gc?.()
  return process.memoryUsage()
}
