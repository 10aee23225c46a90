import { createWaitingRoom, type KeySource, type WaitingRoom } from './key-source.ts'

const mostKnown = 1000
const mostTried = 100
const mostInFlight = 16

type Make = (issuer: string, waitFor?: WaitingRoom) => KeySource

/**
 * The key source of each issuer. Those that are named stay; those that only a template or a function
 * accepts come with their tokens: 1,000 that have shown keys, the one used longest ago goes first, and
 * apart from them 100 that have not, so that made-up ones cannot push out any that is real. Of these
 * at most 16 are asked at once.
 */
export function createIssuerKeys(
  named: readonly string[],
  make: Make,
): (issuer: string) => KeySource {
  const fixed = new Map(named.map((issuer) => [issuer, make(issuer)]))
  const known = new Map<string, KeySource>()
  const tried = new Map<string, KeySource>()
  const asking = new Set<string>()
  const waitFor = createWaitingRoom()

  function trialOf(issuer: string): KeySource {
    const trial = tried.get(issuer) ?? make(issuer, waitFor)
    if (tried.size >= mostTried && !tried.has(issuer)) {
      // At least one is idle: fewer are asked than are kept.
      tried.delete([...tried.keys()].find((other) => !asking.has(other)) as string)
    }
    tried.set(issuer, trial)
    return trial
  }

  /** The first of those who ask takes one of the few places; the others join it. */
  function onTrial(issuer: string, trial: KeySource): KeySource {
    return {
      renewed: () => trial.renewed(),
      async current() {
        const isFirst = !asking.has(issuer)
        if (isFirst && asking.size >= mostInFlight) {
          throw new Error('too many unknown issuers are being asked for their keys')
        }
        asking.add(issuer)
        try {
          const keys = await trial.current()
          if (tried.delete(issuer)) known.set(issuer, trial)
          if (known.size > mostKnown) known.delete(known.keys().next().value as string)
          return keys
        } finally {
          if (isFirst) asking.delete(issuer)
        }
      },
    }
  }

  return function keysOf(issuer) {
    const source = fixed.get(issuer) ?? known.get(issuer)
    if (source === undefined) return onTrial(issuer, trialOf(issuer))
    if (known.delete(issuer)) known.set(issuer, source)
    return source
  }
}
