import { createLocalJWKSet, type CompactVerifyGetKey, type JSONWebKeySet } from 'jose'
import type { AlgorithmName } from '../jws/algorithms.ts'
import { isPlainObject } from '../jws/strict-json.ts'
import { judgePublicKey, publicMembers, type Jwk } from '../keys/jwk.ts'

/** The public keys of one issuer, at one time. A set with other keys is another object. */
export interface KeySet {
  readonly keys: readonly Jwk[]
  /** How many keys the set had, those that were left out too. */
  readonly total: number
  readonly find: CompactVerifyGetKey
  /** Equal for equal keys. */
  readonly content: string
}

export interface KeySource {
  /** The keys that count now. Rejects when there are none to judge by. */
  current(): Promise<KeySet>
  /** The keys after a look for new ones, as far as that is allowed now; for a key that is unknown. */
  renewed(): Promise<KeySet>
}

/**
 * Keeps what an issuer's key set has that can verify a token: private and symmetric keys, keys for
 * encryption and keys that fail hygiene are left out. Undefined when nothing is left.
 */
export function readKeySet(
  value: unknown,
  algorithms: readonly AlgorithmName[],
): KeySet | undefined {
  if (!isPlainObject(value) || !Array.isArray(value['keys'])) return undefined
  const keys = value['keys'].filter((key) => isPlainObject(key) && isUsable(key as Jwk, algorithms))
  if (keys.length === 0) return undefined
  const set = structuredClone({ keys }) as { readonly keys: Jwk[] }
  const find = createLocalJWKSet(set as unknown as JSONWebKeySet)
  const total = value['keys'].length
  return { keys: set.keys, total, find, content: JSON.stringify([total, set]) }
}

function isUsable(key: Jwk, algorithms: readonly AlgorithmName[]): boolean {
  return algorithms.some((algorithm) => {
    const members = publicMembers(key, algorithm)
    return typeof members === 'object' && judgePublicKey(members) === undefined
  })
}

/** A set that never changes. */
export function fixedKeys(set: KeySet): KeySource {
  return { current: async () => set, renewed: async () => set }
}

const seconds = 1000
/** How long a set is used without asking again, so that a removed key is refused soon after. */
const freshFor = 600 * seconds
/** How much longer the last good set serves while the source is down. */
const staleFor = 3600 * seconds
/** How often an unknown key may lead to a look at the source. */
const coolDown = 30 * seconds
const shortestBackOff = 1 * seconds
const longestBackOff = 30 * seconds

/**
 * Keys that are fetched when they are needed. One request at a time, however many wait for it; after
 * a failure the next one comes 1 second later, then 2, 4, up to 30. A set that cannot be had or has
 * no usable key never replaces a good one. Ages are measured with a clock that only goes forward.
 */
export function fetchedKeys(load: () => Promise<KeySet>): KeySource {
  let good: { readonly set: KeySet; readonly at: number } | undefined
  let flight: Promise<void> | undefined
  let failure: { readonly error: Error; readonly count: number } | undefined
  let askedAt = -Infinity

  const age = (): number => (good === undefined ? Infinity : performance.now() - good.at)
  const sinceAsked = (): number => performance.now() - askedAt

  async function ask(): Promise<void> {
    askedAt = performance.now()
    try {
      const set = await load()
      const isSame = set.content === good?.set.content
      good = { set: isSame && good !== undefined ? good.set : set, at: performance.now() }
      failure = undefined
    } catch (error) {
      failure = { error: error as Error, count: (failure?.count ?? 0) + 1 }
    } finally {
      flight = undefined
    }
  }

  /** Asks the source unless it was asked too recently; joins whoever is asking. */
  async function askUnless(tooRecent: number): Promise<void> {
    if (flight === undefined && sinceAsked() < tooRecent) return
    flight ??= ask()
    await flight
  }

  function backOff(): number {
    if (failure === undefined) return 0
    return Math.min(longestBackOff, shortestBackOff * 2 ** (failure.count - 1))
  }

  function usable(): KeySet {
    if (good !== undefined && age() < freshFor + staleFor) return good.set
    throw failure?.error ?? new Error('the key set has not been fetched')
  }

  return {
    async current() {
      if (age() >= freshFor) await askUnless(backOff())
      return usable()
    },
    async renewed() {
      await askUnless(coolDown)
      // While the source is down nobody can say that a key does not exist.
      if (failure !== undefined) throw failure.error
      return usable()
    },
  }
}
