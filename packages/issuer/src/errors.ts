/** Error words of RFC 6749 section 5.2, RFC 7009 section 2.2.1, RFC 8707 section 2 and RFC 9449. */
export type IssuerErrorWord =
  | 'invalid_client'
  | 'invalid_dpop_proof'
  | 'invalid_grant'
  | 'invalid_request'
  | 'invalid_scope'
  | 'invalid_target'
  | 'temporarily_unavailable'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'use_dpop_nonce'

/**
 * A request that is refused. Throw it from a `grant` hook to refuse a token request.
 *
 * The description goes to the client: one constant sentence, nothing of the request.
 */
export class IssuerError extends Error {
  readonly error: IssuerErrorWord
  /** 401 for `invalid_client`, 503 for `temporarily_unavailable`, else 400. */
  readonly status: 400 | 401 | 503
  /** To be sent along, such as `dpop-nonce`. */
  readonly headers: Readonly<Record<string, string>>

  constructor(
    error: IssuerErrorWord,
    description: string,
    { headers = {}, ...options }: ErrorOptions & Partial<Pick<IssuerError, 'headers'>> = {},
  ) {
    super(description, options)
    this.name = 'IssuerError'
    this.error = error
    this.status = error === 'invalid_client' ? 401 : error === 'temporarily_unavailable' ? 503 : 400
    this.headers = headers
  }

  /** The error body of a token response. */
  toJSON(): { error: string; error_description: string } {
    return { error: this.error, error_description: this.message }
  }
}
