// A parameter with its value quoted or bare, or a scheme, or its token68 (RFC 9110 section 11).
const piece = /([\w!#$%&'*+.^`|~-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,="]+))|([^\s,]+)/g

const challengeHeader = 'www-authenticate'

/** The parameters of the challenge of one scheme among all the challenges of a refusal. */
export function readChallenge(response: Response, scheme: string): ReadonlyMap<string, string> {
  const field = response.headers.get(challengeHeaderOf(response) ?? challengeHeader) ?? ''
  const parameters = new Map<string, string>()
  let named = ''
  for (const [, name = '', quoted, bare, other] of field.matchAll(piece)) {
    if (other !== undefined) named = other.toLowerCase()
    else if (named === scheme)
      parameters.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '')
  }
  return parameters
}

/** Gateways put something before the name, such as the `x-amzn-remapped-` of Amazon API Gateway. */
function challengeHeaderOf({ headers }: Response): string | undefined {
  if (headers.has(challengeHeader)) return challengeHeader
  return [...headers.keys()].find((name) => name.endsWith(`-${challengeHeader}`))
}

/** What a response says to whoever made the proof. */
export interface Answer {
  /** For the next proof. */
  readonly nonce: string | undefined
  /** The request is refused because its proof had no nonce, or an old one. */
  readonly asksForNonce: boolean
  /** Why the request is refused, in the words of the server. */
  readonly description: string | undefined
}

/**
 * What a response says to a client of `PoP`: it asks for a nonce by 401 and a challenge
 * `PoP nonce="...", error="use_pop_nonce"`, or without any error.
 */
export function readPopAnswer(response: Response): Answer {
  if (response.status !== 401) return nothingSaid
  const challenge = readChallenge(response, 'pop')
  const [nonce = '', error = 'use_pop_nonce'] = [challenge.get('nonce'), challenge.get('error')]
  const asksForNonce = error === 'use_pop_nonce' && nonce !== ''
  return {
    nonce: asksForNonce ? nonce : undefined,
    asksForNonce,
    description: challenge.get('error_description'),
  }
}

const nothingSaid: Answer = { nonce: undefined, asksForNonce: false, description: undefined }

/** What a client can see of a refusal. */
export interface Refusal {
  /**
   * The header that the challenge came in: `www-authenticate`, or the name that a gateway gave it.
   * Undefined when there is none to be seen, although a 401 must have one.
   */
  readonly header: string | undefined
  /** The OAuth word, such as `invalid_token`. */
  readonly error: string | undefined
  /** One sentence for people: that of the server, or what hides it and what to do. */
  readonly description: string | undefined
}

/**
 * What a 401 says to a client of the scheme, `'PoP'` unless `'DPoP'` is named, and whether the client
 * can see it at all: a page cannot unless the server lists `WWW-Authenticate`, for DPoP `DPoP-Nonce`
 * too, in `Access-Control-Expose-Headers`, nor can anybody when a gateway drops or renames the header.
 * Then no nonce that the server asks for can be answered. Undefined for a response that is no 401.
 */
export function readRefusal(
  response: Response,
  scheme: 'PoP' | 'DPoP' = 'PoP',
): Refusal | undefined {
  if (response.status !== 401) return undefined
  const header = challengeHeaderOf(response)
  const challenge = readChallenge(response, scheme.toLowerCase())
  const [error, description] = [challenge.get('error'), challenge.get('error_description')]
  if (header === undefined) return { header, error, description: hidden('WWW-Authenticate') }
  const isNonceHidden = error === 'use_dpop_nonce' && !response.headers.has('dpop-nonce')
  return { header, error, description: isNonceHidden ? hidden('DPoP-Nonce') : description }
}

const hidden = (header: string): string =>
  `the client sees no ${header}: let the server list it in Access-Control-Expose-Headers, ` +
  'and let no gateway drop or rename it; until then a nonce that the server asks for goes unanswered'

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

/**
 * The server asked for another proof, but the body was a stream, which is gone once sent. What the
 * server said is remembered: send the request anew, with a new stream.
 */
export class BodySentError extends TypeError {
  readonly code = 'ERR_POP_BODY_SENT'
  /** The refusal. */
  readonly response: Response

  constructor(response: Response) {
    super('the server asks for another proof, and the body is a stream that cannot be sent twice')
    this.name = 'BodySentError'
    this.response = response
  }
}
