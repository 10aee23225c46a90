import { isToken } from './http-token.ts'
import { signBody, type SignableBody } from './signed-body.ts'
import { signHeaders, type SignableHeaders } from './signed-headers.ts'
import { credentialParameter, mostNames, signQuery } from './signed-query.ts'

/** What a proof signs besides method, host and path. Nothing of it by default. */
export interface Coverage {
  /**
   * Query parameters, spelled as in the URL (percent-encoded); `true` signs all of them. A repeated
   * parameter cannot be signed. A server that does not allow unsigned parameters (ours does not,
   * unless `uncoveredQuery: 'allow'`) refuses a query that is signed in part.
   */
  readonly query?: true | readonly string[]
  /** Header names. Proxies rewrite `host`, `accept-encoding` and the like: leave those out. */
  readonly headers?: readonly string[]
  /** The bytes of the body; no body counts as an empty one. */
  readonly body?: true
}

/** The names and a hash of what they stand for: the form of `q` and `h`. */
export type SignedList = readonly [names: readonly string[], hash: string]

/** The members of a proof that hold the coverage. */
export interface CoverageMembers {
  readonly q?: SignedList
  readonly h?: SignedList
  readonly b?: string
}

interface CoveredParts {
  readonly query: string
  readonly headers?: SignableHeaders | undefined
  readonly body?: SignableBody | null | undefined
}

/**
 * Computes `q`, `h` and `b`.
 *
 * @see draft-ietf-oauth-signed-http-request-03 section 3.1, 3.2 and 3
 * @throws TypeError for what cannot be covered
 */
export async function coverageMembers(
  cover: Coverage,
  parts: CoveredParts,
): Promise<CoverageMembers> {
  // At once, because each hash is a hand-over to another thread.
  const [q, h, b] = await Promise.all([
    cover.query && signQuery(cover.query, parts.query),
    cover.headers && signHeaders(cover.headers, parts.headers),
    cover.body && signBody(parts.body),
  ])
  return { ...(q && { q }), ...(h && { h }), ...(b && { b }) }
}

/**
 * Refuses a coverage that no request could fulfil.
 *
 * @throws TypeError for unknown members, empty lists, and names that cannot be covered
 */
export function checkCoverage(cover: Coverage): void {
  const unknown = Object.keys(cover).find((name) => !['query', 'headers', 'body'].includes(name))
  if (unknown !== undefined) throw new TypeError(`cover has no member ${JSON.stringify(unknown)}`)
  if (cover.query !== undefined && cover.query !== true) {
    checkNames('cover.query', cover.query, [credentialParameter])
    const odd = cover.query.find((name) => !queryName.test(name))
    if (odd !== undefined)
      throw new TypeError('cover.query must hold names as they travel, such as user%20name')
  }
  if (cover.headers !== undefined) {
    checkNames('cover.headers', lowerCaseAll(cover.headers), ['authorization', 'dpop'])
    if (!cover.headers.every(isToken))
      throw new TypeError('cover.headers must hold header names, such as content-type')
  }
  if (cover.body !== undefined && cover.body !== true)
    throw new TypeError('cover.body must be true')
}

/** What can stand before the first `=` of a parameter, in the form that `fetch` sends. */
const queryName = /^[!$%'()*+,./:;?@[\]^`{|}~\w-]+$/

function lowerCaseAll(names: readonly string[]): readonly string[] {
  return Array.isArray(names) ? names.map((name) => String(name).toLowerCase()) : names
}

function checkNames(where: string, names: readonly string[], forbidden: readonly string[]): void {
  if (!Array.isArray(names) || names.length === 0) {
    throw new TypeError(`${where} must be a non-empty list of names`)
  }
  if (names.some((name) => typeof name !== 'string' || name === '')) {
    throw new TypeError(`${where} must hold non-empty strings`)
  }
  if (names.length > mostNames) throw new TypeError(`${where} has more than ${mostNames} names`)
  if (new Set(names).size !== names.length) throw new TypeError(`${where} has a name twice`)
  const other = forbidden.find((name) => names.includes(name))
  if (other !== undefined) throw new TypeError(`${where} cannot cover ${other}`)
}
