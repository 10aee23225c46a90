import cluster from 'node:cluster'
import { optionError } from '../errors.ts'
import { warn } from '../events.ts'
import { oneOf, readOptions, wholeNumber } from '../option-readers.ts'
import { ReplayStoreError, type ReplayEntry, type ReplayStore } from './store.ts'

export interface MemoryReplayStoreOptions {
  /** Live entries at most. Default 1,000,000. Full, the store refuses; it never drops a live entry. */
  readonly maxEntries?: number
  /** Live entries of one user, client or key at most, so that nobody can fill the store. Default 100,000. */
  readonly maxEntriesPerOwner?: number
  /**
   * Refuse proofs dated before the store was made, or within that second, whose use an earlier
   * process may have seen. Default `'on'`. A nonce of this process proves by itself that a proof is
   * younger. `'off'` suits tests and serverless functions, and lets a proof of before a restart be used once more.
   */
  readonly restartGuard?: 'on' | 'off'
  /** The clock, milliseconds. Default that of the verifier that makes the store, else `Date.now`. */
  readonly now?: () => number
}

/** Entries that expire within the same span live and die together. */
interface Bucket {
  readonly ids: Set<string>
  readonly owners: Map<string, number>
}

const bucketSeconds = 32

/**
 * Replay protection within one process. For several processes use a shared store: a worker of
 * `node:cluster` or of PM2 is warned.
 *
 * Entries sit in buckets by the time of their expiry, so nothing is ever swept: a claim looks into
 * the few live buckets, and a bucket is dropped whole once all in it have expired. A proof that
 * expired with a dropped bucket is refused even if the clock is set back.
 */
export function memoryReplayStore(options: MemoryReplayStoreOptions = {}): ReplayStore {
  const known = ['maxEntries', 'maxEntriesPerOwner', 'restartGuard', 'now']
  const own = readOptions('memoryReplayStore', options, known)
  const maxEntries = wholeNumber('memoryReplayStore maxEntries', own.maxEntries, 1_000_000)
  const maxPerOwner = wholeNumber(
    'memoryReplayStore maxEntriesPerOwner',
    own.maxEntriesPerOwner,
    100_000,
  )
  const guarded =
    oneOf('memoryReplayStore restartGuard', own.restartGuard, ['on', 'off'], 'on') === 'on'
  const seconds = (): number => Math.floor((own.now ?? Date.now)() / 1000)

  const madeAt = (own.now ?? Date.now)()
  if (!Number.isFinite(madeAt)) {
    throw optionError('ERR_POP_OPTION_INVALID', 'memoryReplayStore now must give milliseconds')
  }
  if (cluster.isWorker || process.env['NODE_APP_INSTANCE'] !== undefined) {
    warn(
      'ERR_POP_PROOF_REPLAYED',
      'memoryReplayStore protects one process and this is one of several: each accepts a proof once. Write replay: redisReplayStore({ send }) or postgresReplayStore({ query })',
    )
  }
  const buckets = new Map<number, Bucket>()
  let size = 0
  let droppedBelow = 0
  let warned = false

  function dropExpired(now: number): void {
    for (const [number, bucket] of buckets) {
      const end = (number + 1) * bucketSeconds
      if (!(end <= now)) continue
      buckets.delete(number)
      size -= bucket.ids.size
      droppedBelow = Math.max(droppedBelow, end)
    }
  }

  function entriesOf(owner: string): number {
    let count = 0
    for (const { owners } of buckets.values()) count += owners.get(owner) ?? 0
    return count
  }

  function isKnown(id: string): boolean {
    for (const { ids } of buckets.values()) if (ids.has(id)) return true
    return false
  }

  function add(id: string, { owner, expiresAt }: ReplayEntry): void {
    const number = Math.floor(expiresAt / bucketSeconds)
    const bucket: Bucket = buckets.get(number) ?? { ids: new Set(), owners: new Map() }
    buckets.set(number, bucket)
    bucket.ids.add(id)
    bucket.owners.set(owner, (bucket.owners.get(owner) ?? 0) + 1)
    size += 1
  }

  function checkAge({ issuedAt, expiresAt }: ReplayEntry): void {
    if (expiresAt < droppedBelow) throw new ReplayStoreError('ERR_POP_REPLAY_TOO_OLD')
    // A client that signs again after that long dates its proof late enough, whatever its clock says.
    const retryAfterSeconds = Math.ceil(madeAt / 1000) - issuedAt
    if (guarded && retryAfterSeconds > 0)
      throw new ReplayStoreError('ERR_POP_REPLAY_TOO_OLD', { retryAfterSeconds })
  }

  function checkRoom(owner: string): void {
    if (size >= maxEntries) throw new ReplayStoreError('ERR_POP_REPLAY_FULL')
    if (entriesOf(owner) >= maxPerOwner) throw new ReplayStoreError('ERR_POP_REPLAY_OWNER_FULL')
    const nearlyFull = size >= maxEntries * 0.8
    if (nearlyFull && !warned)
      warn('ERR_POP_REPLAY_FULL', 'the memory replay store is over 80 % full')
    warned = nearlyFull
  }

  return {
    async claim(entry: ReplayEntry): Promise<boolean> {
      dropExpired(seconds())
      checkAge(entry)
      const key = compact(entry.id)
      if (isKnown(key)) return false
      checkRoom(entry.owner)
      add(key, entry)
      return true
    },
  }
}

/** 128 bits of the hash as 16 one-byte characters: half the memory of the text. */
function compact(id: string): string {
  return Buffer.from(id, 'base64url').toString('latin1', 0, 16)
}
