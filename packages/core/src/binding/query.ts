import { PopError } from '../errors.ts'
import { sha256 } from '../hash.ts'
import { asciiLowerCase } from './host.ts'
import { formDecode, parseParameters, type Parameter } from './parameters.ts'
import type { SignedList } from './signed-list.ts'

export interface QueryRules {
  /** `auto` also takes the form of MSAL.js; `draft` only that of the draft. */
  readonly form: 'auto' | 'draft'
  readonly uncovered: 'reject' | 'allow'
}

export interface QueryCoverage {
  readonly query: true | readonly string[]
  readonly queryComplete: boolean
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
  if (signed.names.length === 0 && signed.value !== hashOfNothing) {
    return compareWholeQuery(signed.value, rawQuery, rules)
  }
  const parameters = countedParameters(rawQuery, credentialName)
  const covered = signed.names.map((name) => findCoverable(name, parameters))
  const bytes = covered.map(({ raw }) => raw).join('&')
  if (new Set(signed.names).size !== signed.names.length || sha256(bytes) !== signed.value) {
    throw new PopError('ERR_POP_QUERY_MISMATCH', { member: 'q' })
  }
  const rest = parameters.filter((parameter) => !covered.includes(parameter))
  checkUncovered(rest, covered, rules)
  return { query: Object.freeze([...signed.names]), queryComplete: rest.length === 0 }
}

/** MSAL.js signs the whole query as text: lower-cased, one trailing slash taken off, no hash. */
function compareWholeQuery(claim: string, rawQuery: string, { form }: QueryRules): QueryCoverage {
  if (form === 'draft' || asMsalWrites(claim) !== asMsalWrites(rawQuery)) {
    throw new PopError('ERR_POP_QUERY_MISMATCH', { member: 'q' })
  }
  return { query: true, queryComplete: true }
}

function asMsalWrites(query: string): string {
  const lower = asciiLowerCase(query)
  return lower.endsWith('/') ? lower.slice(0, -1) : lower
}

function countedParameters(rawQuery: string, credentialName: string): readonly Parameter[] {
  return parseParameters(rawQuery).filter(({ name }) => formDecode(name) !== credentialName)
}

function findCoverable(name: string, parameters: readonly Parameter[]): Parameter {
  const [found, ...more] = parameters.filter((parameter) => parameter.name === name)
  if (found?.value === undefined || more.length > 0) {
    throw new PopError('ERR_POP_QUERY_MISMATCH', { member: 'q' })
  }
  return found
}

/**
 * Even where unsigned parameters are allowed, none may change what a parser makes of a signed one:
 * `%61=2`, `a[]=2` and `a.b=2` all end up in `a` somewhere.
 */
function checkUncovered(
  rest: readonly Parameter[],
  covered: readonly Parameter[],
  { uncovered }: QueryRules,
): void {
  if (rest.length === 0) return
  const signedNames = covered.map(({ name }) => formDecode(name))
  const pollutes = rest.some((parameter) => {
    const name = formDecode(parameter.name)
    return signedNames.some(
      (own) => name === own || name.startsWith(`${own}[`) || name.startsWith(`${own}.`),
    )
  })
  if (uncovered === 'reject' || pollutes)
    throw new PopError('ERR_POP_QUERY_UNCOVERED', { member: 'q' })
}
