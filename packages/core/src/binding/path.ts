import { asciiLowerCase } from './host.ts'

/**
 * How `p` is compared with the raw path of the request-target. Nothing is decoded or resolved.
 * `exact`: octet by octet, but for the case of hex digits in `%XX` and an empty path for `/`.
 * `lenient`: one trailing slash more or less does not count.
 * `msal`: letter case does not count either, because MSAL.js lower-cases the whole URL.
 */
export type PathMode = 'exact' | 'lenient' | 'msal'

export function matchesPath(claim: string, actual: string, mode: PathMode): boolean {
  return normalisePath(claim, mode) === normalisePath(actual, mode)
}

function normalisePath(path: string, mode: PathMode): string {
  const triplets = path.replace(/%[0-9a-f]{2}/gi, (triplet) => triplet.toUpperCase())
  const rooted = triplets === '' ? '/' : triplets
  if (mode === 'exact') return rooted
  const open = rooted.length > 1 && rooted.endsWith('/') ? rooted.slice(0, -1) : rooted
  return mode === 'lenient' ? open : asciiLowerCase(open)
}
