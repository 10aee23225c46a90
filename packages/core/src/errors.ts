/**
 * What a code means on the wire. The scheme that was used turns `proof` and `nonce` into its own
 * words (`challenge.ts`); everything else is the same for all schemes.
 */
type Kind =
  | 'missing' // 401 without an error word
  | 'request' // 400 invalid_request
  | 'proof' // 401 invalid_token or invalid_dpop_proof
  | 'token' // 401 invalid_token
  | 'nonce' // 401 use_pop_nonce or use_dpop_nonce
  | 'access' // 403 insufficient_scope
  | 'login' // 401 insufficient_user_authentication
  | 'too-large' // 413
  | 'timeout' // 408
  | 'wiring' // 500
  | 'unavailable' // 503
  | 'crowded' // 503, the connection closed

const statusOf = {
  missing: 401,
  request: 400,
  proof: 401,
  token: 401,
  nonce: 401,
  access: 403,
  login: 401,
  'too-large': 413,
  timeout: 408,
  wiring: 500,
  unavailable: 503,
  crowded: 503,
} as const satisfies Record<Kind, number>

/**
 * Every refusal: its kind and its one sentence. The sentence travels as `error_description`, so it
 * has no comma, quote, `=` or backslash (MSAL's header parsers split on them), and nothing from the
 * request.
 */
const refusals = {
  ERR_POP_CREDENTIAL_MISSING: ['missing', 'The request carries no credential of an enabled scheme'],
  ERR_POP_SCHEME_INSUFFICIENT: ['missing', 'This resource takes tokens of another scheme only'],
  ERR_POP_CREDENTIAL_REPEATED: ['request', 'The request carries more than one credential'],
  ERR_POP_CREDENTIAL_MALFORMED: ['request', 'The credential cannot be parsed'],
  ERR_POP_CREDENTIAL_TOO_LONG: ['request', 'The credential is too long'],
  ERR_POP_HOST_INVALID: ['request', 'The request does not name exactly one valid host'],
  ERR_POP_HEADERS_CUT: ['request', 'The request has more header lines than this server reads'],
  ERR_POP_FORM_INVALID: ['request', 'The form body cannot be parsed'],
  ERR_POP_BODY_ABORTED: ['request', 'The request body ended before it was complete'],

  ERR_POP_TARGET_INVALID: ['proof', 'The request target is not a path of this server'],
  ERR_POP_PROOF_MISSING: ['proof', 'The request carries no proof of possession'],
  ERR_POP_PROOF_REPEATED: ['proof', 'The request carries more than one proof of possession'],
  ERR_POP_PROOF_TOO_LONG: ['proof', 'The proof is too long'],
  ERR_POP_PROOF_MALFORMED: ['proof', 'The proof is not a well-formed signed JWT'],
  ERR_POP_PROOF_TYPE: ['proof', 'The proof has the wrong type'],
  ERR_POP_PROOF_ALGORITHM: ['proof', 'The proof is signed with an algorithm that is not accepted'],
  ERR_POP_PROOF_MEMBER_MISSING: ['proof', 'The proof lacks a required member'],
  ERR_POP_PROOF_MEMBER_INVALID: ['proof', 'The proof has a member of the wrong form'],
  ERR_POP_PROOF_EXPIRED: ['proof', 'The proof is too old'],
  ERR_POP_PROOF_NOT_YET_VALID: ['proof', 'The proof is dated in the future'],
  ERR_POP_PROOF_KEY_INVALID: ['proof', 'The key of the proof is not acceptable'],
  ERR_POP_PROOF_SIGNATURE_INVALID: ['proof', 'The signature of the proof does not verify'],
  ERR_POP_PROOF_REPLAYED: ['proof', 'The proof has been used before'],
  ERR_POP_METHOD_MISMATCH: ['proof', 'The proof was made for another method'],
  ERR_POP_HOST_MISMATCH: ['proof', 'The proof was made for another host'],
  ERR_POP_PATH_MISMATCH: ['proof', 'The proof was made for another path'],
  ERR_POP_URI_MISMATCH: ['proof', 'The proof was made for another URI'],
  ERR_POP_QUERY_MISMATCH: ['proof', 'The signed query parameters differ from the request'],
  ERR_POP_QUERY_UNCOVERED: ['proof', 'The request has query parameters that are not signed'],
  ERR_POP_QUERY_UNREADABLE: ['proof', 'The query has more parameters than servers read'],
  ERR_POP_HEADERS_MISMATCH: ['proof', 'The signed headers differ from the request'],
  ERR_POP_HEADERS_UNCOVERED: ['proof', 'A header that must be signed is not'],
  ERR_POP_BODY_MISMATCH: ['proof', 'The signed body differs from the request'],
  ERR_POP_TOKEN_HASH_MISMATCH: ['proof', 'The proof was made for another access token'],
  ERR_POP_COVERAGE_MISSING: ['proof', 'The proof does not cover what this resource demands'],

  ERR_POP_NONCE_MISSING: ['nonce', 'The proof needs a nonce of this server'],
  ERR_POP_NONCE_INVALID: ['nonce', 'The nonce of the proof is not a current nonce of this server'],

  ERR_POP_TOKEN_UNKNOWN: ['token', 'The access token is not of a known issuer'],
  ERR_POP_TOKEN_MALFORMED: ['token', 'The access token is malformed'],
  ERR_POP_TOKEN_TYPE: ['token', 'The token is not an access token of the expected type'],
  ERR_POP_TOKEN_SIGNATURE_INVALID: ['token', 'The signature of the access token does not verify'],
  ERR_POP_TOKEN_UNDECRYPTABLE: ['token', 'The access token cannot be decrypted'],
  ERR_POP_TOKEN_CLAIM_INVALID: ['token', 'The access token has a claim of the wrong form'],
  ERR_POP_TOKEN_INACTIVE: ['token', 'The access token is not active'],
  ERR_POP_TOKEN_EXPIRED: ['token', 'The access token has expired'],
  ERR_POP_TOKEN_NOT_YET_VALID: ['token', 'The access token is not valid yet'],
  ERR_POP_TOKEN_AUDIENCE: ['token', 'The access token is meant for another audience'],
  ERR_POP_TOKEN_UNBOUND: ['token', 'The access token is not bound to a key'],
  ERR_POP_CERTIFICATE_MISSING: [
    'token',
    'The access token needs the client certificate it is bound to',
  ],
  ERR_POP_CERTIFICATE_INVALID: ['token', 'The client certificate of the request cannot be read'],
  ERR_POP_TOKEN_BOUND: ['token', 'The access token is bound to a key and needs a proof'],
  ERR_POP_BINDING_OTHER_METHOD: ['token', 'The access token is bound by another method'],
  ERR_POP_BINDING_OTHER_KEY: ['token', 'The access token is bound to another key'],
  ERR_POP_CONFIRMATION_INVALID: ['token', 'The confirmation of the access token is not usable'],
  ERR_POP_CONFIRMATION_KEY_INVALID: ['token', 'The key of the access token is not acceptable'],

  ERR_POP_SCOPE_INSUFFICIENT: ['access', 'The access token lacks a required scope'],
  ERR_POP_CLAIMS_INSUFFICIENT: ['access', 'The access token does not carry the required claims'],
  ERR_POP_AUTHENTICATION_INSUFFICIENT: [
    'login',
    'This resource needs a stronger or more recent login of the user',
  ],

  ERR_POP_BODY_TOO_LARGE: ['too-large', 'The request body is larger than this server accepts'],
  ERR_POP_FORM_TOO_LARGE: ['too-large', 'The form body is larger than this server searches'],
  ERR_POP_BODY_TIMEOUT: ['timeout', 'The request body did not end in time'],

  ERR_POP_BODY_CONSUMED: ['wiring', 'The request body was read before it could be verified'],
  ERR_POP_TWO_VERIFIERS: ['wiring', 'Two verifiers are mounted on one request'],
  ERR_POP_CONTEXT_UNSUPPORTED: ['wiring', 'This kind of request cannot be verified'],
  ERR_POP_GUARD_UNSATISFIABLE: ['wiring', 'This resource demands what no request can give'],
  ERR_POP_CHECK_FAILED: ['wiring', 'A check of this resource could not be evaluated'],
  ERR_POP_INTERNAL: ['wiring', 'The request could not be verified'],

  ERR_POP_BODIES_WAITING: ['crowded', 'Too many request bodies wait to be verified'],
  ERR_POP_TOKEN_SOURCE_UNAVAILABLE: ['unavailable', 'The access token cannot be checked right now'],
  ERR_POP_KEY_SOURCE_UNAVAILABLE: ['unavailable', 'The key of the token cannot be found right now'],
  ERR_POP_REPLAY_UNAVAILABLE: ['unavailable', 'The replay store does not answer'],
  ERR_POP_REPLAY_FULL: ['unavailable', 'The replay store is full'],
  ERR_POP_REPLAY_OWNER_FULL: ['unavailable', 'The replay store is full for this key'],
  ERR_POP_REPLAY_TOO_OLD: ['unavailable', 'The proof is older than the replay store can vouch for'],
} as const satisfies Record<string, readonly [Kind, string]>

/** Every code that a refusal can have. Each has a section in `docs/errors.md`. */
export type PopErrorCode = keyof typeof refusals

/** The OAuth error words that travel in a challenge (RFC 6750 section 3.1, RFC 9449 section 12, RFC 9470 section 3). */
export type OAuthErrorWord =
  | 'invalid_request'
  | 'invalid_token'
  | 'invalid_dpop_proof'
  | 'insufficient_scope'
  | 'insufficient_user_authentication'
  | 'use_pop_nonce'
  | 'use_dpop_nonce'

/** What did not match, for logs only. Never holds a token, a proof, a nonce or a `jti`. */
export interface Evidence {
  readonly member: string
  readonly expected?: unknown
  readonly actual?: unknown
}

/** Response headers of a refusal: lower-case names, several values as a list. */
export type RefusalHeaders = Readonly<Record<string, string | readonly string[]>>

const longestEvidence = 256
const noHeaders: RefusalHeaders = Object.freeze({})

/**
 * The one error of this library: a request that is refused, and why.
 *
 * Shaped so that Express, Koa and Fastify answer with the right status and headers by themselves.
 * `message` is a constant sentence that a client may see; `cause` is the evidence for logs and is
 * not enumerable. There is no stack: the error says what the client did, not where we noticed.
 * A token resolver of your own throws `new PopError(code)`; the verifier adds the challenge.
 *
 * @see docs/errors.md
 */
export class PopError extends Error {
  /** Stable and closed; branch on this. */
  readonly code: PopErrorCode
  /** The word on the wire; absent where the specification wants none. */
  readonly error: OAuthErrorWord | undefined
  readonly status: number
  readonly expose = true
  /** Lower-case, ready to send. Empty until the verifier has added the challenge. */
  readonly headers: RefusalHeaders

  constructor(
    code: PopErrorCode,
    evidence?: Evidence | Error,
    wire: { readonly error?: OAuthErrorWord | undefined; readonly headers?: RefusalHeaders } = {},
  ) {
    const [kind, sentence] = refusals[code]
    super(sentence)
    this.code = code
    this.error = wire.error
    this.status = statusOf[kind]
    this.headers = wire.headers ?? noHeaders
    hide(this, 'name', 'PopError')
    hide(this, 'stack', `PopError [${code}]: ${sentence}`)
    if (evidence !== undefined) hide(this, 'cause', clip(evidence))
  }

  /** The spelling that Fastify and Nest read. */
  get statusCode(): number {
    return this.status
  }

  /** The OAuth error body, for an error handler of your own. */
  toJSON(): { error?: OAuthErrorWord; error_description: string } {
    const description = { error_description: this.message }
    return this.error === undefined ? description : { error: this.error, ...description }
  }
}

function hide(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, enumerable: false })
}

function clip(evidence: Evidence | Error): Evidence | Error {
  if (evidence instanceof Error) return evidence
  return Object.freeze({
    member: evidence.member,
    ...('expected' in evidence && { expected: describe(evidence.expected) }),
    ...('actual' in evidence && { actual: describe(evidence.actual) }),
  })
}

/** Values of a request are shown by type unless they are short and flat. */
function describe(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, longestEvidence)
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return value
  if (value === null) return 'null'
  if (!Array.isArray(value)) return typeof value
  // An object of a request may have a toString that is no function.
  const items = value.map((item) => (typeof item === 'object' ? 'object' : String(item)))
  return items.join(' ').slice(0, longestEvidence)
}

/** The kind of a code, for the one place that writes challenges. */
export function kindOf(code: PopErrorCode): Kind {
  return refusals[code][0]
}

/** Every code, for the documentation test. */
export const popErrorCodes: readonly PopErrorCode[] = Object.freeze(
  Object.keys(refusals) as PopErrorCode[],
)

/** Recognises the error of another copy of this package too. */
export function isPopError(error: unknown): error is PopError {
  return error instanceof Error && error.name === 'PopError' && 'code' in error
}

/** What a dependency threw, as evidence. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('unknown error')
}

/** A mistake in the configuration: thrown at start-up, never on a request. */
export function optionError(
  code: 'ERR_POP_OPTION_MISSING' | 'ERR_POP_OPTION_UNKNOWN' | 'ERR_POP_OPTION_INVALID',
  message: string,
): TypeError & { code: string } {
  return Object.assign(new TypeError(`${message} (${code}, see docs/errors.md)`), { code })
}
