import { asStoreError, ReplayStoreError } from '@oauth-pop/core/replay'

/** What to do about an error of Redis, by the word that names it. */
const hints: Readonly<Record<string, string>> = {
  READONLY: 'this is a replica: send to the master',
  MOVED: 'this is a cluster: use a client for clusters',
  MISCONF: 'Redis cannot save to its disk and takes no writes: look at its disk and its log',
  WRONGTYPE: 'somebody else writes keys with this prefix: choose another one',
  NOPERM: 'the user needs EVAL, EVALSHA, and what the script calls, INFO among it',
  NOAUTH: 'give the client a password',
  CLUSTERDOWN: 'the cluster has no master for the keys of this prefix',
}

/** What Redis or its client threw, with what to do about it. */
export function describeError(error: unknown): ReplayStoreError {
  if (!(error instanceof Error)) return asStoreError(error)
  // Older servers put their own words around the error of a script.
  const words = new Set(error.message.split(/[^A-Z]/))
  if (words.has('OOM')) return new ReplayStoreError('ERR_POP_REPLAY_FULL', { cause: error })
  // Inside a script a missing right has no word of its own.
  if (error.message.includes("can't run this command")) words.add('NOPERM')
  const known = Object.entries(hints).find(([word]) => words.has(word))
  if (known === undefined) return asStoreError(error)
  return asStoreError(new Error(`${error.message} (${known[1]})`))
}

/** Redis has not run this script since it started: nothing was done. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && /NOSCRIPT|NoScriptError/.test(error.message)
}
