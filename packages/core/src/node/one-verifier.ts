import type { VerifierOptions } from '../options.ts'
import { createVerifier, type Verifier } from '../verifier.ts'

interface Made {
  readonly options: VerifierOptions
  readonly verifier: WeakRef<Verifier>
}

/** By the token sources that they have, without which no two are the same. */
const made = new WeakMap<object, readonly Made[]>()

/**
 * The verifier of these options: the one that was made of the same values before, if it is still in use.
 * Its replay store, caches and nonces are then the same too. Values are compared as they are, so two
 * calls of `jwtTokens` are two sources, and two verifiers.
 *
 * @throws TypeError with `code` for wrong options
 */
export function oneVerifier(options: VerifierOptions): Verifier {
  const { tokens } = options
  const known = (isObject(tokens) && made.get(tokens)) || []
  const live = known.filter(({ verifier }) => verifier.deref() !== undefined)
  const same = live.find((other) => isSame(other.options, options))?.verifier.deref()
  if (same !== undefined) return same
  const verifier = createVerifier(options)
  if (isObject(tokens)) made.set(tokens, [...live, { options, verifier: new WeakRef(verifier) }])
  return verifier
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isSame(one: VerifierOptions, other: VerifierOptions): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof VerifierOptions>
  return [...names].every((name) => Object.is(one[name], other[name]))
}
