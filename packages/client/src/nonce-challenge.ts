// A parameter with its value quoted or bare, or a scheme, or its token68 (RFC 9110 section 11).
const piece = /([\w!#$%&'*+.^`|~-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,="]+))|([^\s,]+)/g

/**
 * The nonce of a response that asks for a proof with one: 401 and a challenge
 * `PoP nonce="...", error="use_pop_nonce"`, or without any error. Undefined for any other response. A
 * browser shows the header only if the server lists it in `Access-Control-Expose-Headers`.
 */
export function readNonceChallenge(response: Response): string | undefined {
  if (response.status !== 401) return undefined
  const challenge = popParameters(response.headers.get('www-authenticate') ?? '')
  const [nonce, error = 'use_pop_nonce'] = [challenge.get('nonce'), challenge.get('error')]
  return error === 'use_pop_nonce' && nonce !== '' ? nonce : undefined
}

/** The parameters of the `PoP` challenge among all the challenges of a `WWW-Authenticate` field. */
function popParameters(field: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  let scheme = ''
  for (const [, name = '', quoted, bare, other] of field.matchAll(piece)) {
    if (other !== undefined) scheme = other.toLowerCase()
    else if (scheme === 'pop')
      parameters.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '')
  }
  return parameters
}

/**
 * The server asked for a nonce again, in answer to the one that it had just given. Its processes may
 * not share their secrets, or its clock may jump.
 */
export class NonceLoopError extends Error {
  readonly code = 'ERR_POP_NONCE_LOOP'
  /** The second refusal. */
  readonly response: Response

  constructor(response: Response) {
    super('the server refused the nonce that it had just given')
    this.name = 'NonceLoopError'
    this.response = response
  }
}
