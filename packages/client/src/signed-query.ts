import type { SignedList } from './coverage.ts'
import { sha256 } from './sha256.ts'

/** The parameter that can carry the credential itself, which therefore cannot be covered. */
export const credentialParameter = 'pop_access_token'

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
  return [names, await sha256(new TextEncoder().encode(covered.join('&')))]
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
