import type { Coverage } from '../access-token.ts'
import { PopError } from '../errors.ts'
import { sha256 } from '../hash.ts'
import { asciiLowerCase } from './host.ts'
import { isNamed, nameOf, parseParameters, type Parameter } from './parameters.ts'
import type { SignedList } from './signed-list.ts'

export interface QueryRules {
  /** `auto` also takes the form of MSAL.js; `draft` only that of the draft. */
  readonly form: 'auto' | 'draft'
  readonly uncovered: 'reject' | 'allow'
}

export interface QueryCoverage extends Pick<Coverage, 'query' | 'queryComplete'> {
  /** The names of a query that is signed as text, as they are spelled in the request. */
  readonly textNames?: readonly string[]
}

const hashOfNothing = sha256('')

/** A query that no member signs: only an absent one is complete. */
export function uncoveredQuery(rawQuery: string, credentialName: string): QueryCoverage {
  return { query: [], queryComplete: countedParameters(rawQuery, credentialName).length === 0 }
}

/**
 * Compares `q` with the raw query of the request-target: names and values as they travel, in the
 * order of the signed list. A repeated parameter cannot be covered (section 7.5 of the draft, which
 * section 3.1 contradicts), nor a bare name.
 *
 * @param credentialName the parameter that may carry the credential: not coverable, not counted
 * @see draft-ietf-oauth-signed-http-request-03 section 3.1, 5.1, 7.5
 */
export function compareQuery(
  signed: SignedList,
  rawQuery: string,
  credentialName: string,
  rules: QueryRules,
): QueryCoverage {
  checkReadable(rawQuery)
  if (signed.names.length === 0 && signed.value !== hashOfNothing) {
    return compareWholeQuery(signed.value, rawQuery, rules)
  }
  const parameters = countedParameters(rawQuery, credentialName)
  const covered = findCoverable(signed.names, parameters)
  const bytes = covered.map(({ raw }) => raw).join('&')
  if (sha256(bytes) !== signed.value) throw mismatch()
  const isCovered = new Set(covered)
  const rest = parameters.filter((parameter) => !isCovered.has(parameter))
  if (rest.length > 0 && rules.uncovered === 'reject') throw uncovered()
  checkSeparate(covered, rest, parameters)
  return { query: Object.freeze([...signed.names]), queryComplete: rest.length === 0 }
}

/** What `qs` and `node:querystring` read of a query at most: later ones vanish (empty ones count). */
const mostSegments = 1000

/** A signed parameter that the application's parser would leave out must not count as signed. */
function checkReadable(rawQuery: string): void {
  let segments = 1
  for (let at = rawQuery.indexOf('&'); at !== -1; at = rawQuery.indexOf('&', at + 1)) segments += 1
  if (segments > mostSegments) {
    throw new PopError('ERR_POP_QUERY_UNREADABLE', {
      member: 'q',
      expected: `at most ${mostSegments} parameters`,
      actual: segments,
    })
  }
}

/**
 * MSAL.js signs the whole query as text: lower-cased, one trailing slash taken off, no hash. So neither
 * the case of letters nor that slash is protected.
 */
function compareWholeQuery(claim: string, rawQuery: string, { form }: QueryRules): QueryCoverage {
  if (form === 'draft' || asMsalWrites(claim) !== asMsalWrites(rawQuery)) throw mismatch()
  const textNames = parseParameters(rawQuery).map(({ name }) => name)
  return { query: true, queryComplete: true, textNames }
}

function asMsalWrites(query: string): string {
  const lower = asciiLowerCase(query)
  return lower.endsWith('/') ? lower.slice(0, -1) : lower
}

function countedParameters(rawQuery: string, credentialName: string): readonly Parameter[] {
  return parseParameters(rawQuery).filter((parameter) => !isNamed(parameter, credentialName))
}

/** The one parameter with each of the names, spelled like it. */
function findCoverable(
  names: readonly string[],
  parameters: readonly Parameter[],
): readonly Parameter[] {
  const byName = new Map<string, Parameter | undefined>()
  for (const parameter of parameters) {
    // Repeated or bare, it is not coverable.
    const usable = !byName.has(parameter.name) && parameter.value !== undefined
    byName.set(parameter.name, usable ? parameter : undefined)
  }
  return names.map((name) => {
    const found = byName.get(name)
    if (found === undefined) throw mismatch()
    // A name that is listed twice has nothing left for its second place.
    byName.delete(name)
    return found
  })
}

/**
 * No parameter may change what a form parser makes of a signed one: `%61=2`, `a[]=2`, `[a]=2`, `a.b=2`
 * and `?a=2` all end up in `a` somewhere. So an unsigned parameter never shares its root with a signed
 * one, and signed ones that share theirs keep the order in which they were signed. A name in doubt may
 * share any root.
 */
function checkSeparate(
  covered: readonly Parameter[],
  rest: readonly Parameter[],
  parameters: readonly Parameter[],
): void {
  const roots = covered.map(rootOf)
  const isDoubtful = roots.includes(doubtful)
  const places = new Map(parameters.map((parameter, index) => [parameter, index]))
  const lastPlace = new Map<string, number>()
  for (const [index, parameter] of covered.entries()) {
    const root = isDoubtful ? doubtful : (roots[index] ?? doubtful)
    const place = places.get(parameter) ?? -1
    if (place < (lastPlace.get(root) ?? 0)) throw mismatch()
    lastPlace.set(root, place)
  }
  const pollutes = (root: string): boolean => root === doubtful || lastPlace.has(root)
  if (rest.length > 0 && (isDoubtful || rest.map(rootOf).some(pollutes))) throw uncovered()
}

const doubtful = ''

/** The first word of a name: where brackets and dots nest, it names the whole. */
function rootOf(parameter: Parameter): string {
  const words = nameOf(parameter)?.split(/[[\].?]/) ?? []
  return words.find((word) => word !== '') ?? doubtful
}

function mismatch(): PopError {
  return new PopError('ERR_POP_QUERY_MISMATCH', { member: 'q' })
}

function uncovered(): PopError {
  return new PopError('ERR_POP_QUERY_UNCOVERED', { member: 'q' })
}
