import {
  createSharedStore,
  optionError,
  readOptions,
  sharedStoreOptionNames,
  type Question,
  type ReplayStore,
  type SharedStoreOptions,
} from '@oauth-pop/core/replay'
import { readInspection, type Inspection } from './inspection.ts'
import { describeError, isUnknownScript } from './redis-error.ts'
import { claimScript, inspectScript, type Script } from './script.ts'

const inspectionPause = 500

export interface RedisReplayStoreOptions extends SharedStoreOptions {
  /**
   * Sends one command and resolves to its answer:
   *
   * - ioredis, iovalkey: `(command) => client.call(...command)`
   * - node-redis: `(command) => client.sendCommand(command)`
   * - Valkey GLIDE: `(command) => client.customCommand(command)`
   *
   * In a cluster the fourth part of every command is a key that names the node.
   */
  readonly send: (command: [string, ...string[]]) => Promise<unknown>
  /** What the keys begin with. Default `pop`. APIs that share a Redis need different ones. */
  readonly prefix?: string
  /**
   * Waits after each first use until so many replicas have it, for so many milliseconds at most;
   * else the request is 503. Needs a client that sends everything on one connection, and no cluster.
   * Default: does not wait.
   */
  readonly wait?: { readonly replicas: number; readonly milliseconds: number }
}

/**
 * Used proofs in Redis (6.2 or newer) or Valkey, for any number of processes: one command for each
 * claim, never sent twice. All keys of one prefix are in one slot of a cluster.
 *
 * A Redis that was flushed, restarted, restored or promoted does not know what was used before. Proofs
 * from before are then refused (503 with `Retry-After`), unless a server nonce proves that they are younger.
 * What is not noticed: keys that Redis evicts (there is a warning for it), and two masters at once.
 *
 * @throws TypeError with `code` for wrong options
 */
export function redisReplayStore(options: RedisReplayStoreOptions): ReplayStore {
  const known = ['send', 'prefix', 'wait', ...sharedStoreOptionNames]
  const { send, prefix = 'pop', wait, ...rest } = readOptions('redisReplayStore', options, known)
  if (typeof send !== 'function') {
    throw optionError(
      'ERR_POP_OPTION_MISSING',
      'redisReplayStore send is missing: write send: (command) => client.call(...command), or sendCommand(command) for node-redis',
    )
  }
  if (!/^[\w.:-]{1,64}$/.test(prefix)) {
    throw optionError(
      'ERR_POP_OPTION_INVALID',
      'redisReplayStore prefix must be 1 to 64 letters, digits and . _ : -',
    )
  }
  const replicas = wait && readWait(wait)
  const keyOf = (name: string): string => `{${prefix}}:${name}`
  const epochKey = keyOf('epoch')

  async function run(script: Script, keys: readonly string[], values: readonly number[]) {
    const rest = [String(keys.length), ...keys, ...values.map(String)]
    try {
      return await send(['EVALSHA', script.sha1, ...rest])
    } catch (error) {
      if (!isUnknownScript(error)) throw error
      return send(['EVAL', script.text, ...rest])
    }
  }

  let inspection: Promise<Inspection> | undefined
  async function inspect(): Promise<Inspection> {
    const answer = await run(inspectScript, [epochKey], [])
    return readInspection(answer, replicas !== undefined)
  }

  /** Once; again later if it fails, as it does for a client that is not connected yet. */
  function startInspection(): Promise<Inspection> {
    if (inspection !== undefined) return inspection
    inspection = inspect()
    inspection.catch(() => {
      inspection = undefined
      setTimeout(() => void startInspection(), inspectionPause).unref()
    })
    return inspection
  }

  /** Not done before the answer counts: a use that a failover can undo is no use. */
  async function waitForReplicas({
    replicas,
    milliseconds,
  }: {
    replicas: number
    milliseconds: number
  }) {
    if ((await startInspection()).cluster) {
      throw new Error('wait does not work in a cluster: set min-replicas-to-write on its nodes')
    }
    const reached = await send(['WAIT', String(replicas), String(milliseconds)])
    if (typeof reached === 'number' && reached >= replicas) return
    throw new Error(`not all of the ${replicas} replicas that wait names have the entry`)
  }

  async function ask(question: Question): Promise<unknown> {
    const { id, owner, latest, ahead, behind, issuedAt, forgetAt, maxEntriesPerOwner, number } =
      question
    const keys = [
      epochKey,
      keyOf(id.toString('base64url')),
      keyOf(`owner:${owner.toString('base64url')}`),
    ]
    const values = [latest, ahead, behind, issuedAt, forgetAt, maxEntriesPerOwner, number]
    try {
      const answer = await run(claimScript, keys, values)
      if (replicas !== undefined && isFirstUse(answer)) await waitForReplicas(replicas)
      return answer
    } catch (error) {
      throw describeError(error)
    }
  }

  // So that the memory of an empty Redis begins before the first request does.
  void startInspection()
  return createSharedStore('redisReplayStore', rest, ask)
}

function isFirstUse(answer: unknown): boolean {
  return Array.isArray(answer) && answer[0] === 'first'
}

function readWait({ replicas, milliseconds }: NonNullable<RedisReplayStoreOptions['wait']>) {
  const counts = [replicas, milliseconds]
  if (counts.every((count) => Number.isSafeInteger(count) && count > 0)) {
    return { replicas, milliseconds }
  }
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    'redisReplayStore wait needs whole numbers above 0: wait: { replicas: 1, milliseconds: 50 }',
  )
}
