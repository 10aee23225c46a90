import { readOptions, wholeNumber } from '../option-readers.ts'
import { nameOf } from './recent-tokens.ts'
import type { ResolvedToken } from './resolver.ts'

/** How many verified access tokens are remembered. */
export interface TokenCacheOptions {
  /** Default 10,000. */
  readonly maxEntries?: number
  /** The sum of the lengths of the tokens. Default 16 MiB. */
  readonly maxBytes?: number
}

interface Entry {
  readonly resolved: ResolvedToken
  readonly bytes: number
  /** Whether it may still be used; asked on every hit. Rejects when nobody can say. */
  readonly isCurrent: () => boolean | Promise<boolean>
}

export interface TokenCache {
  /** What a token says, if it is remembered and its entry is current. */
  get(sha256: Uint8Array): Promise<ResolvedToken | undefined>
  add(sha256: Uint8Array, entry: Entry): void
}

/** Remembers nothing. */
export const noTokenCache: TokenCache = { get: async () => undefined, add() {} }

/**
 * Remembers access tokens that passed every check of their resolver. It belongs to one resolver, so
 * one policy; what it holds is deep-frozen and named by the SHA-256 of the exact token. Proof, time,
 * scopes and confirmation are judged on every request, cached or not. Full, it drops what was not
 * used for the longest time, which costs time and nothing else.
 */
export function createTokenCache(options: TokenCacheOptions): TokenCache {
  const own = readOptions('cache', options, ['maxEntries', 'maxBytes'])
  const maxEntries = wholeNumber('cache maxEntries', own.maxEntries, 10_000)
  const maxBytes = wholeNumber('cache maxBytes', own.maxBytes, 16 * 1024 * 1024)
  const entries = new Map<string, Entry>()
  let bytes = 0

  function remove(name: string): void {
    bytes -= entries.get(name)?.bytes ?? 0
    entries.delete(name)
  }

  function insert(name: string, entry: Entry): void {
    remove(name)
    entries.set(name, entry)
    bytes += entry.bytes
    while (entries.size > maxEntries || bytes > maxBytes) {
      remove(entries.keys().next().value as string)
    }
  }

  return {
    async get(sha256) {
      const name = nameOf(sha256)
      const entry = entries.get(name)
      if (entry === undefined) return undefined
      if (await entry.isCurrent()) {
        insert(name, entry)
        return entry.resolved
      }
      remove(name)
      return undefined
    },
    add(sha256, entry) {
      insert(nameOf(sha256), entry)
    },
  }
}
