import type { JWK } from 'jose'
import type { KeyBinding } from './key-binding.ts'
import { readClientKey, readThumbprint } from './client-key.ts'
import { IssuerError } from './errors.ts'

/** The form of a token request, as `URLSearchParams` or as a parser left it. */
export type TokenRequestParameters = URLSearchParams | Readonly<Record<string, unknown>>

/**
 * The key that a token request names, as the `key` argument of `issue`; undefined when it names
 * none. Both parameters are base64 or base64url of JSON. `req_cnf` is `{"kid":"<thumbprint>"}`, as
 * MSAL sends it, `{"jwk":{...}}`, or a public JWK itself, as Microsoft.Identity.Web sends it.
 * `cnf_key` is `{"jwk":{...}}`, as clients of OpenAM send it, or a public JWK itself, which OpenAM
 * does not take. Other members are ignored.
 *
 * @see draft-ietf-oauth-pop-key-distribution-07 section 4.1
 * @throws IssuerError `invalid_request` for anything that is not one usable key
 */
export function readConfirmationRequest(
  parameters: TokenRequestParameters,
): KeyBinding | undefined {
  const reqCnf = readParameter(parameters, 'req_cnf')
  const cnfKey = readParameter(parameters, 'cnf_key')
  if (reqCnf !== undefined && cnfKey !== undefined) throw malformed()
  if (cnfKey !== undefined) return { by: 'client', jwk: readJwk(decodeObject(cnfKey)) }
  if (reqCnf === undefined) return undefined
  const request = decodeObject(reqCnf)
  const { kid, jwk, kty } = request
  if (kid !== undefined && jwk !== undefined) throw malformed()
  // A JWK may have a `kid` of its own, which is any name.
  return kid === undefined || kty !== undefined
    ? { by: 'client', jwk: readJwk(request) }
    : { by: 'client', thumbprint: readThumbprint(kid) }
}

/** The key in `jwk`, or the object that is one itself. */
function readJwk(request: Record<string, unknown>): JWK {
  const { jwk, kty } = request
  if ((jwk === undefined) === (kty === undefined)) throw malformed()
  return readClientKey(jwk ?? request)
}

/** The one value of a parameter that names a key. */
export function readParameter(
  parameters: TokenRequestParameters,
  name: string,
): string | undefined {
  const values =
    parameters instanceof URLSearchParams ? parameters.getAll(name) : ownValues(parameters, name)
  const [value, ...more] = values.filter((one) => one !== '')
  if (value === undefined) return undefined
  if (typeof value !== 'string' || more.length > 0) throw malformed()
  return value
}

function ownValues(
  parameters: Readonly<Record<string, unknown>>,
  name: string,
): readonly unknown[] {
  return Object.hasOwn(parameters, name) ? [parameters[name]] : []
}

/** Both alphabets, with or without padding: clients differ. */
const base64 = /^[\w+/-]+={0,2}$/
const longestKey = 8192

function decodeObject(text: string): Record<string, unknown> {
  if (text.length > longestKey || !base64.test(text)) throw malformed()
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64').toString())
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Answered below, like any other value that is no object.
  }
  throw malformed()
}

function malformed(): IssuerError {
  return new IssuerError('invalid_request', 'The request does not name one key')
}
