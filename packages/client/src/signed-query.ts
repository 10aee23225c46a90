import type { SignedList } from './coverage.ts'
import { sha256 } from './sha256.ts'

/** The parameter that can carry the credential itself, which therefore cannot be covered. */
export const credentialParameter = 'pop_access_token'

/** Verifiers read no longer lists. */
export const mostNames = 256

/**
 * Refuses a query or form that holds a credential in any spelling: with ours it would have two.
 *
 * @throws TypeError
 */
export function checkNoCredential(pairs: string): void {
  const names = parseQuery(pairs).map(({ name }) => formDecode(name))
  if (names.some((name) => isReadAs(credentialParameter, name)))
    throw new TypeError(`the request has a ${credentialParameter} already`)
}

interface Parameter {
  readonly name: string
  readonly raw: string
}

/**
 * The `q` member: `name=value` of each covered parameter as it travels, joined by `&`, hashed.
 *
 * @see draft-ietf-oauth-signed-http-request-03 section 3.1 and 7.5
 */
export async function signQuery(
  wanted: true | readonly string[],
  query: string,
): Promise<SignedList> {
  const parameters = parseQuery(query)
  const names = wanted === true ? parameters.map(({ name }) => name) : wanted
  const covered = names.map((name) => findCoverable(name, parameters).raw)
  if (names.length > mostNames)
    throw new TypeError(`a proof cannot cover more than ${mostNames} parameters`)
  checkOthers(names, parameters)
  return [names, await sha256(new TextEncoder().encode(covered.join('&')))]
}

/**
 * Parsers read `%61`, `a[]` and `a.b` as `a`, so that what is not covered would change what is. A name
 * without a root, such as an empty one, may be any.
 */
function checkOthers(covered: readonly string[], parameters: readonly Parameter[]): void {
  const own = new Set(covered.map(rootOf))
  const others = parameters.map(({ name }) => name).filter((name) => !covered.includes(name))
  const twin = others.find((name) => {
    const root = rootOf(name)
    return root === noRoot || own.has(noRoot) || own.has(root)
  })
  if (twin !== undefined)
    throw new TypeError(`the query parameter ${JSON.stringify(twin)} must be covered, too`)
}

const noRoot = ''

/** The first word of a name: where brackets and dots nest, it names the whole. */
function rootOf(name: string): string {
  try {
    const words = decodeURIComponent(name.replaceAll('+', ' ')).split(/[[\].?]/)
    return words.find((word) => word !== '') ?? noRoot
  } catch {
    return noRoot
  }
}

function isReadAs(name: string, other: string): boolean {
  return other === name || other.startsWith(`${name}[`) || other.startsWith(`${name}.`)
}

function formDecode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}

/** The names of the query, as they travel. */
export function queryNames(query: string): readonly string[] {
  return parseQuery(query).map(({ name }) => name)
}

function parseQuery(query: string): readonly Parameter[] {
  return query
    .split('&')
    .filter((raw) => raw !== '')
    .map((raw) => ({ name: raw.split('=', 1)[0] ?? '', raw }))
}

function findCoverable(name: string, parameters: readonly Parameter[]): Parameter {
  const quoted = JSON.stringify(name)
  const [found, ...more] = parameters.filter((parameter) => parameter.name === name)
  if (found === undefined) throw new TypeError(`the URL has no query parameter ${quoted} to cover`)
  if (more.length > 0) {
    throw new TypeError(`the query parameter ${quoted} is repeated and cannot be covered`)
  }
  if (!found.raw.includes('=')) {
    throw new TypeError(`the query parameter ${quoted} has no "=" and cannot be covered`)
  }
  if (name === credentialParameter) throw new TypeError(`${credentialParameter} cannot be covered`)
  return found
}
