// A child process: one memory store, or a verifier before it, under a flood; says what that cost.
import { hash, randomBytes } from 'node:crypto'
import {
  createVerifier,
  memoryReplayStore,
  type HttpRequest,
  type ReplayEntry,
  type ReplayStore,
} from '@oauth-pop/core'
import { audience, createPool, type Pool } from '../proofs.ts'
import { givenToken } from '../verify.ts'
import type { Flood, FloodFigures } from './floods.ts'

const flood = JSON.parse(process.argv[2] ?? '{}') as Flood
const seconds = Math.floor(Date.now() / 1000)
const perTurn = 20
let longestTurn = 0

/** One turn of the event loop after the other, so that the longest is what anybody else had to wait. */
async function inTurns(count: number, act: (index: number) => Promise<void>): Promise<void> {
  for (let index = 0; index < count;) {
    const began = performance.now()
    for (const end = Math.min(count, index + perTurn); index < end; index += 1) await act(index)
    await new Promise((resolve) => setImmediate(resolve))
    longestTurn = Math.max(longestTurn, performance.now() - began)
  }
}

function createEntry(index: number, owner: number, age = 0): ReplayEntry {
  return {
    id: hash('sha256', `entry ${owner} ${index}`, 'base64url'),
    owner: hash('sha256', `owner ${owner}`, 'base64url'),
    issuedAt: seconds - age,
    expiresAt: seconds - age + 300,
  }
}

/** Whether it was taken; a refusal of the store is a no, a replay is a mistake. */
async function take(store: ReplayStore, entry: ReplayEntry): Promise<boolean> {
  try {
    if (await store.claim(entry)) return true
  } catch {
    return false
  }
  throw new Error('a fresh entry was called a replay')
}

interface Outcome {
  readonly entries: number
  readonly others: number
}

/** One owner claims without end; a thousand others claim now and then. */
async function floodOneOwner(store: ReplayStore): Promise<Outcome> {
  const [hog, others, every] = [0, 1000, 1000]
  let [entries, refused] = [0, 0]
  await inTurns(flood.count, async (index) => {
    if (await take(store, createEntry(index, hog))) entries += 1
    if (index % every > 0) return
    if (!(await take(store, createEntry(index, 1 + ((index / every) % others))))) refused += 1
  })
  return { entries, others: refused }
}

/** Entries of every age, of so many owners. */
async function fill(store: ReplayStore): Promise<Outcome> {
  let entries = 0
  await inTurns(flood.count, async (index) => {
    if (await take(store, createEntry(index, index % flood.owners, index % 300))) entries += 1
  })
  return { entries, others: 0 }
}

/** Forged: each signature is random, which costs as much to refuse as any other wrong one. */
function forge({ requests }: Pool, index: number): HttpRequest {
  const { rawHeaders, ...request } = requests[index % requests.length] as HttpRequest
  const signature = randomBytes(64)
  // Both halves below the order of the curve.
  signature[0] = 1
  signature[32] = 1
  const changed = rawHeaders.map((text) =>
    text.startsWith('PoP ')
      ? text.slice(0, text.lastIndexOf('.') + 1) + signature.toString('base64url')
      : text,
  )
  return { ...request, rawHeaders: changed }
}

async function floodForged(store: ReplayStore, pool: Pool): Promise<Outcome> {
  let [entries, accepted] = [0, 0]
  const verifier = createVerifier({
    publicUrl: audience,
    tokens: givenToken(pool),
    replay: {
      claim(entry) {
        entries += 1
        return store.claim(entry)
      },
    },
    maxAgeSeconds: 3600,
  })
  await inTurns(flood.count, async (index) => {
    const ended = await verifier.verify(forge(pool, index)).then(
      () => true,
      (error: unknown) => (error as { status?: number }).status !== 401,
    )
    if (ended) accepted += 1
  })
  return { entries, others: accepted }
}

const { maxEntriesPerOwner } = flood
const createStore = (): ReplayStore =>
  memoryReplayStore({
    restartGuard: 'off',
    maxEntries: 2_000_000,
    ...(maxEntriesPerOwner !== undefined && { maxEntriesPerOwner }),
  })
const pool = createPool('ES256', flood.kind === 'forged' ? 1000 : 1)
const run = (store: ReplayStore): Promise<Outcome> => {
  if (flood.kind === 'forged') return floodForged(store, pool)
  return flood.kind === 'one owner' ? floodOneOwner(store) : fill(store)
}

// Compiled and warm, with its young generation as large as it gets, before anything is weighed.
const { count } = flood
Object.assign(flood, { count: Math.min(count, 40_000) })
await run(createStore())
Object.assign(flood, { count })
longestTurn = 0
const store = createStore()
globalThis.gc?.()
const before = process.memoryUsage()
const cpu = process.cpuUsage()
const outcome = await run(store)
const { user, system } = process.cpuUsage(cpu)
globalThis.gc?.()
const after = process.memoryUsage()
// It must not be collected before it is weighed.
await take(store, createEntry(0, -1))
process.send?.({
  ...outcome,
  longestTurn,
  heap: after.heapUsed - before.heapUsed,
  rss: after.rss - before.rss,
  cpuEach: (user + system) / count,
} satisfies FloodFigures)
process.once('disconnect', () => process.exit())
