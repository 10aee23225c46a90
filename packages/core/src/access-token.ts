import type { ClaimedProof } from './replay/claim.ts'

/** The name under which a scheme appears in a result. */
export type SchemeName = 'PoP' | 'DPoP' | 'mTLS' | 'Bearer'

/** What the proof signed. The application must not assume that anything else is authentic. */
export interface Coverage {
  readonly method: boolean
  readonly host: boolean
  readonly path: boolean
  /** The signed parameter names, spelled and ordered as they were signed; `true` for the whole query. */
  readonly query: true | readonly string[]
  /** Every parameter of the request is signed, or there is none. */
  readonly queryComplete: boolean
  /** The signed header names, in the order of the signed list. */
  readonly headers: readonly string[]
  /** The raw body bytes are signed. */
  readonly body: boolean
}

/** A verified access token and what its proof covers. Deep-frozen. */
export interface AccessToken {
  /** As presented. Not enumerable, so that loggers do not print it. */
  readonly token: string
  readonly scheme: SchemeName
  /** Space-delimited, as in RFC 6749 section 3.3; empty when the token has none. */
  readonly scope: string
  /** From `scope`, else `scp`. */
  readonly scopes: readonly string[]
  readonly subject?: string
  /** From `client_id`, else `azp`, else `appid`. */
  readonly clientId?: string
  readonly issuer?: string
  readonly audience: readonly string[]
  /** Seconds since the epoch. */
  readonly expiresAt?: number
  /** The JWT payload, the introspection response or the stored record. */
  readonly claims: Readonly<Record<string, unknown>>
  /** RFC 7638 with SHA-256, base64url; absent for a symmetric key, for `mTLS` and for `Bearer`. */
  readonly keyThumbprint?: string
  readonly coverage: Coverage
}

/** Nothing is signed: what a bearer token proves. */
export const noCoverage: Coverage = Object.freeze({
  method: false,
  host: false,
  path: false,
  query: Object.freeze([]),
  queryComplete: false,
  headers: Object.freeze([]),
  body: false,
})

const textNames = new WeakMap<Coverage, readonly string[]>()

/** Notes which names a query has that is signed as text, without the case of its letters. */
export function noteTextNames(coverage: Coverage, names: readonly string[]): void {
  textNames.set(coverage, names)
}

/** Whether a parameter of this very name is there and signed. */
export function coversParameter(coverage: Coverage, name: string): boolean {
  const names = coverage.query === true ? textNames.get(coverage) : coverage.query
  return names?.includes(name) === true
}

/** The result: what the frozen resolved token says, for a proof that has passed every step. */
export function createAccessToken(claimed: ClaimedProof): AccessToken {
  const { scheme, proof, token: resolved, key, coverage } = claimed
  const { subject, clientId, issuer, expiresAt } = resolved
  const result: Record<string, unknown> = {
    scheme: scheme.name,
    scope: resolved.scopes.join(' '),
    scopes: resolved.scopes,
    audience: resolved.audience,
    claims: resolved.claims,
    coverage: Object.freeze(coverage),
  }
  if (subject !== undefined) result['subject'] = subject
  if (clientId !== undefined) result['clientId'] = clientId
  if (issuer !== undefined) result['issuer'] = issuer
  if (expiresAt !== undefined) result['expiresAt'] = expiresAt
  if (key?.symmetric === false) result['keyThumbprint'] = key.thumbprint
  Object.defineProperty(result, 'token', { value: proof.accessToken })
  return Object.freeze(result) as unknown as AccessToken
}
