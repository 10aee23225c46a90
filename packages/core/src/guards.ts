import { coversParameter, type AccessToken, type SchemeName } from './access-token.ts'
import type { RefusalDetail } from './challenge.ts'
import { optionError, PopError, type Evidence, type PopErrorCode } from './errors.ts'
import { describeFault } from './fault.ts'
import { flag, nonEmptyList, oneOf, readOptions } from './option-readers.ts'
import type { HttpRequest } from './request.ts'
import type { Verifier } from './verifier.ts'

/** What a guard finds on a request: its verifier and, if the request was verified, the result. */
export interface GuardContext {
  readonly verifier: Verifier
  readonly accessToken: AccessToken | undefined
  /** Names the request in events. */
  readonly request?: Pick<HttpRequest, 'method' | 'target'>
}

/**
 * A check on the result of a verification, the same in every framework. Throws `PopError`, ready to
 * be sent. Without a context (no verifier ran) it refuses with 401.
 */
export type Guard = (context: GuardContext | undefined) => void | Promise<void>

/** What a proof must have signed for a route. */
export interface CoverageRequirement {
  /** These parameters, or with `true` every parameter of the request. */
  readonly query?: readonly string[] | true
  /** These headers, whatever their case. */
  readonly headers?: readonly string[]
  /** The raw body. */
  readonly body?: true
}

/** Whether the claims are enough. Only a literal `true` is; a throw is 500. */
export type ClaimsCheck = (
  claims: AccessToken['claims'],
  accessToken: AccessToken,
) => boolean | Promise<boolean>

/** What a guard asks of the schemes of its verifier: one at least must be able to give it. */
interface Need {
  /** The guard, as it is written. */
  readonly guard: string
  readonly isMetBy: (scheme: Verifier['schemes'][number]) => boolean
  /** The schemes that can give it. */
  readonly able: readonly SchemeName[]
}

const needs = new WeakMap<Guard, Need>()

/**
 * Why no request can ever pass a guard: none of the enabled schemes can give what it asks for. `expected`
 * is the line to write. Undefined where one can.
 */
export function impossibilityOf(
  guard: Guard,
  { schemes }: Pick<Verifier, 'schemes'>,
): Evidence | undefined {
  const need = needs.get(guard)
  if (need === undefined || schemes.some(need.isMetBy)) return undefined
  const enabled = schemes.map(({ name }) => name)
  const [expected, actual] = [schemesLine([...enabled, ...need.able]), schemesLine(enabled)]
  return { member: need.guard, expected, actual }
}

function schemesLine(names: readonly SchemeName[]): string {
  return `schemes: [${names.map((name) => `${name.toLowerCase()}()`).join(', ')}]`
}

/** Any verified token; else 401. */
export function requireToken(): Guard {
  return function tokenGuard(context) {
    verified(context)
  }
}

/** The schemes that a guard can ask for. */
export type RequiredScheme = SchemeName

const schemeNames: readonly RequiredScheme[] = ['PoP', 'DPoP', 'mTLS', 'Bearer']

/**
 * The token came by one of these schemes; else 401 with the challenges of those. A verifier that has
 * none of them enabled is wired wrongly: 500 for every request.
 *
 * @throws TypeError with `code` for no name or an unknown one
 */
export function requireScheme(...names: readonly RequiredScheme[]): Guard {
  const required = nonEmptyList('requireScheme', names).map((name) =>
    oneOf('requireScheme', name, schemeNames),
  )
  const isRequired = ({ name }: { readonly name: SchemeName }): boolean =>
    required.some((one) => one === name)
  const guard: Guard = function schemeGuard(context) {
    const { accessToken, refuse } = verified(context, guard, required)
    const { scheme } = accessToken
    if (isRequired({ name: scheme })) return
    const evidence = { member: 'scheme', expected: required, actual: scheme }
    throw refuse('ERR_POP_SCHEME_INSUFFICIENT', evidence, { schemes: required })
  }
  needs.set(guard, { guard: 'requireScheme', isMetBy: isRequired, able: required })
  return guard
}

/** The token has all of these scopes; else 403 `insufficient_scope`, naming them. */
export function requireScopes(...all: readonly string[]): Guard {
  const required = readScopes('requireScopes', all)
  return scopeGuard(required, (held) => required.every((scope) => held.includes(scope)))
}

/** The token has one of these scopes at least; else 403 `insufficient_scope`, naming them. */
export function requireAnyScope(...any: readonly string[]): Guard {
  const accepted = readScopes('requireAnyScope', any)
  return scopeGuard(accepted, (held) => accepted.some((scope) => held.includes(scope)))
}

/** The claims satisfy a check of the application's own; else 403. */
export function requireClaims(check: ClaimsCheck): Guard {
  if (typeof check !== 'function') {
    throw optionError('ERR_POP_OPTION_MISSING', 'requireClaims needs a function of the claims')
  }
  return async function claimsGuard(context) {
    const { accessToken, refuse } = verified(context)
    let answer: unknown
    try {
      answer = await check(accessToken.claims, accessToken)
    } catch (error) {
      throw refuse('ERR_POP_CHECK_FAILED', describeFault(error, accessToken.token))
    }
    if (answer !== true) throw refuse('ERR_POP_CLAIMS_INSUFFICIENT')
  }
}

/**
 * The proof covers these parts of the request; else 401, because a PoP client can sign them. DPoP
 * signs no query, headers or body. A verifier none of whose schemes can sign these parts is wired
 * wrongly: 500 for every request.
 *
 * @throws TypeError with `code` for nothing to cover, and for unknown names
 */
export function requireCoverage(requirement: CoverageRequirement): Guard {
  const { query, headers, body } = readRequirement(requirement)
  const guard: Guard = function coverageGuard(context) {
    const { verifier, accessToken, refuse } = verified(context, guard)
    const { coverage, scheme } = accessToken
    const missing =
      lacksQuery(coverage, query) ??
      lacksHeader(coverage, headers) ??
      (body && !coverage.body ? 'b' : undefined)
    if (missing === undefined) return
    const isAble = verifier.schemes.some((one) => one.name === scheme && need.isMetBy(one))
    const advice = isAble ? {} : { expected: need.able, actual: `${scheme}, which cannot sign it` }
    throw refuse('ERR_POP_COVERAGE_MISSING', { member: missing, ...advice })
  }
  const demanded = { query: query !== undefined, headers: headers.length > 0, body }
  const parts = (['query', 'headers', 'body'] as const).filter((part) => demanded[part])
  const need: Need = {
    guard: `requireCoverage ${parts.join(' ')}`,
    isMetBy: ({ signs }) => parts.every((part) => signs?.includes(part) === true),
    able: ['PoP'],
  }
  needs.set(guard, need)
  return guard
}

function scopeGuard(
  named: readonly string[],
  isEnough: (held: readonly string[]) => boolean,
): Guard {
  return function guardScopes(context) {
    const { accessToken, refuse } = verified(context)
    if (isEnough(accessToken.scopes)) return
    const evidence = { member: 'scope', expected: named, actual: accessToken.scopes }
    throw refuse('ERR_POP_SCOPE_INSUFFICIENT', evidence, { scope: named.join(' ') })
  }
}

/** A request that was verified, and how a guard refuses it: in the words of the scheme used. */
export interface Verified {
  readonly verifier: Verifier
  readonly accessToken: AccessToken
  readonly refuse: (
    code: PopErrorCode,
    evidence?: Evidence | Error,
    detail?: RefusalDetail,
  ) => PopError
}

/** @throws PopError where there is no verified token */
export function verified(
  context: GuardContext | undefined,
  guard?: Guard,
  schemes?: readonly RequiredScheme[],
): Verified {
  if (context === undefined) throw withoutVerifier()
  const { verifier, accessToken, request } = context
  const refuse: Verified['refuse'] = (code, evidence, detail) =>
    verifier.refuse(new PopError(code, evidence), accessToken?.scheme, { ...detail, request })
  // What no client can ever give is our mistake, and a 401 would have each of them try for ever.
  const impossible = guard && impossibilityOf(guard, verifier)
  if (impossible !== undefined) throw refuse('ERR_POP_GUARD_UNSATISFIABLE', impossible)
  if (accessToken === undefined) throw refuse('ERR_POP_CREDENTIAL_MISSING', undefined, { schemes })
  return { verifier, accessToken, refuse }
}

let warned = false

/** A guard that nobody feeds must not pass, and its operator should hear of it once. */
function withoutVerifier(): PopError {
  if (!warned) {
    warned = true
    process.emitWarning(
      'a guard ran on a request that no verifier has seen: mount the middleware before it',
      {
        type: 'OAuthPopWarning',
        code: 'ERR_POP_CREDENTIAL_MISSING',
      },
    )
  }
  const headers = { 'www-authenticate': 'PoP realm="oauth-pop"', 'cache-control': 'no-store' }
  return new PopError('ERR_POP_CREDENTIAL_MISSING', undefined, { headers })
}

type Covered = AccessToken['coverage']

function lacksQuery(coverage: Covered, query: CoverageRequirement['query']): 'q' | undefined {
  if (query === undefined) return undefined
  if (query === true) return coverage.queryComplete ? undefined : 'q'
  return query.every((name) => coversParameter(coverage, name)) ? undefined : 'q'
}

function lacksHeader(coverage: Covered, headers: readonly string[]): 'h' | undefined {
  const signed = coverage.headers.map((name) => name.toLowerCase())
  return headers.every((name) => signed.includes(name)) ? undefined : 'h'
}

function readRequirement(requirement: CoverageRequirement): {
  readonly query: CoverageRequirement['query']
  readonly headers: readonly string[]
  readonly body: boolean
} {
  const own = readOptions('requireCoverage', requirement, ['query', 'headers', 'body'])
  if (Object.keys(own).length === 0) {
    throw optionError('ERR_POP_OPTION_MISSING', 'requireCoverage needs query, headers or body')
  }
  const query =
    own.query === undefined || own.query === true
      ? own.query
      : nonEmptyList('requireCoverage query', own.query)
  const headers =
    own.headers === undefined ? [] : nonEmptyList('requireCoverage headers', own.headers)
  return {
    query,
    headers: headers.map((name) => name.toLowerCase()),
    body: flag('requireCoverage body', own.body),
  }
}

/** RFC 6749 section 3.3 scope-token. */
function readScopes(where: string, scopes: readonly string[]): readonly string[] {
  const read = nonEmptyList(where, scopes)
  const wrong = read.find((scope) => !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))
  if (wrong === undefined) return read
  throw optionError('ERR_POP_OPTION_INVALID', `${where}: ${JSON.stringify(wrong)} is not one scope`)
}
