/**
 * A token request that is refused, in the words of RFC 6749 section 5.2. The description is
 * constant: nothing of the request comes back.
 */
export class IssuerError extends Error {
  readonly error: 'invalid_request'
  readonly status = 400

  constructor(description: string) {
    super(description)
    this.name = 'IssuerError'
    this.error = 'invalid_request'
  }

  /** The error body of a token response. */
  toJSON(): { error: string; error_description: string } {
    return { error: this.error, error_description: this.message }
  }
}
