/** Error words of RFC 6749 section 5.2, RFC 7009 section 2.2.1 and RFC 8707 section 2. */
export type IssuerErrorWord =
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_request'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unauthorized_client'
  | 'unsupported_grant_type'

/**
 * A request that is refused. Throw it from a `grant` hook to refuse a token request.
 *
 * The description goes to the client: one constant sentence, nothing of the request.
 */
export class IssuerError extends Error {
  readonly error: IssuerErrorWord
  /** 401 for `invalid_client`, else 400. */
  readonly status: 400 | 401

  constructor(error: IssuerErrorWord, description: string) {
    super(description)
    this.name = 'IssuerError'
    this.error = error
    this.status = error === 'invalid_client' ? 401 : 400
  }

  /** The error body of a token response. */
  toJSON(): { error: string; error_description: string } {
    return { error: this.error, error_description: this.message }
  }
}
