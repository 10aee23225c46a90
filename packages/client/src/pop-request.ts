import { resolveAccessToken, type AccessTokenSource } from './access-token.ts'
import { signCompact } from './compact-jws.ts'
import { checkCoverage, coverageMembers, type Coverage } from './coverage.ts'
import { readMethod } from './http-token.ts'
import { resolveProofKey, type ProofKeySource } from './proof-key.ts'
import { nonceMember, randomId, readSeconds } from './proof-members.ts'
import type { SignableBody } from './signed-body.ts'
import type { SignableHeaders } from './signed-headers.ts'
import { readTarget } from './target.ts'

/** The request that a proof is made for. */
export interface PopRequest {
  /** Signed in upper case; send it that way. */
  readonly method: string
  /** Absolute, http or https. Signed as `fetch` sends it, so without fragment or dot segments. */
  readonly url: string | URL
  /** Needed only for the headers that `cover` names. */
  readonly headers?: SignableHeaders | undefined
  /** Needed only when `cover` names the body. */
  readonly body?: SignableBody | null | undefined
  readonly accessToken: AccessTokenSource
  readonly key: ProofKeySource
  readonly cover?: Coverage | undefined
  /** The nonce that the server gave in a challenge; none without one. */
  readonly nonce?: string | undefined
  /** The clock, in milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/**
 * Signs a request: the result is a Signed HTTP Request (SHR), a compact JWS that carries the access
 * token, to be sent once as `Authorization: PoP <SHR>`, or as the form field or query parameter
 * `pop_access_token` (a form cannot be sent with `cover.body`).
 *
 * Always signs time, method, host, path and a random `jti`; `cover` adds query, headers and body.
 * The public key of a pair goes along as `cnf`, for access tokens that name only its thumbprint.
 * Whatever no server would take is refused at once. Checks neither that the token is bound to the
 * key nor that it is still valid.
 *
 * @see draft-ietf-oauth-signed-http-request-03 section 3
 * @throws TypeError for a request that cannot be signed or covered as asked
 */
export async function signPopRequest(request: PopRequest): Promise<string> {
  const { cover = {} } = request
  checkCoverage(cover)
  const { host, path, query } = readTarget(request.url)
  const m = readMethod(request.method)
  const nonce = nonceMember(request.nonce)
  const key = await resolveProofKey(request.key)
  const claims = {
    at: await resolveAccessToken(request.accessToken),
    ts: readSeconds(request.now ?? Date.now),
    m,
    u: host,
    p: path,
    ...(await coverageMembers(cover, { query, headers: request.headers, body: request.body })),
    ...nonce,
    jti: randomId(),
    ...(key.jwk !== undefined && { cnf: { jwk: key.jwk } }),
  }
  const credential = await signCompact({ typ: 'pop', alg: key.algorithm }, claims, key)
  if (credential.length <= longestCredential) return credential
  throw new TypeError(
    `the signed request has ${credential.length} characters; servers take ${longestCredential}`,
  )
}

/** Node takes no more than 16 KiB of headers either. */
const longestCredential = 16_384
