import { resolveAccessToken, type AccessTokenSource } from './access-token.ts'
import { signCompact } from './compact-jws.ts'
import { readMethod } from './http-token.ts'
import { resolveProofKey, type ProofKeySource } from './proof-key.ts'
import { nonceMember, randomId, readSeconds } from './proof-members.ts'
import { sha256 } from './sha256.ts'
import { targetUri } from './target.ts'

/** The request that a DPoP proof is made for. */
export interface DpopRequest {
  /** Signed in upper case; send it that way. */
  readonly method: string
  /** Absolute, http or https. Signed as `fetch` sends it, without user, query and fragment. */
  readonly url: string | URL
  /** The token that goes along as `Authorization: DPoP <token>`; none at a token endpoint. */
  readonly accessToken?: AccessTokenSource | undefined
  /** Any key but a secret. */
  readonly key: ProofKeySource
  /** The newest `DPoP-Nonce` of the server; none without one. */
  readonly nonce?: string | undefined
  /** The clock, in milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/**
 * Makes a DPoP proof: a compact JWS to be sent once, as the header `DPoP`.
 *
 * It signs a random `jti`, method, URL without query and fragment, time, the hash of the access token
 * if there is one, and the nonce if there is one; of the key it holds the public members only. Query,
 * headers and body are not signed. Whatever no server would take is refused at once. Checks neither
 * that the token is bound to the key nor that it is still valid.
 *
 * @see [RFC 9449 section 4.2](https://www.rfc-editor.org/rfc/rfc9449#section-4.2)
 * @throws TypeError for a request that cannot be signed, and for a secret as key
 */
export async function createDpopProof(request: DpopRequest): Promise<string> {
  const htm = readMethod(request.method)
  const htu = targetUri(request.url)
  const nonce = nonceMember(request.nonce)
  const key = await resolveProofKey(request.key)
  if (key.jwk === undefined)
    throw new TypeError('a DPoP proof shows a public key: a secret has none')
  const { alg: _, ...jwk } = key.jwk
  const ath =
    request.accessToken !== undefined && (await hashToken(await readDpopToken(request.accessToken)))
  const claims = {
    jti: randomId(),
    htm,
    htu,
    iat: readSeconds(request.now ?? Date.now),
    ...(ath && { ath }),
    ...nonce,
  }
  const proof = await signCompact({ typ: 'dpop+jwt', alg: key.algorithm, jwk }, claims, key)
  if (proof.length <= longestProof) return proof
  throw new TypeError(`the proof has ${proof.length} characters; servers take ${longestProof}`)
}

const longestProof = 8192

/**
 * Finds the access token of this moment, which travels as it is (RFC 9449 section 7.1).
 *
 * @throws TypeError for a token that `Authorization: DPoP` cannot hold
 */
export async function readDpopToken(source: AccessTokenSource): Promise<string> {
  const token = await resolveAccessToken(source)
  if (token.length > longestToken)
    throw new TypeError(`accessToken has ${token.length} characters; servers take ${longestToken}`)
  if (/^[\w.~+/-]+=*$/.test(token)) return token
  throw new TypeError('accessToken has a character that cannot travel in Authorization')
}

/** Node takes no more than 16 KiB of headers either. */
const longestToken = 16_384

function hashToken(token: string): Promise<string> {
  return sha256(new TextEncoder().encode(token))
}
