import type { Coverage, SchemeName } from '../access-token.ts'
import type { OAuthErrorWord } from '../errors.ts'
import type { AlgorithmName } from '../jws/algorithms.ts'
import type { VerificationKey } from '../keys/jwk.ts'
import type { Location, Target } from '../location.ts'
import type { RequestNonces } from '../nonce.ts'
import type { HttpRequest } from '../request.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'

/** Where a credential travelled. */
export type Transport = 'header' | 'form' | 'query'

/** The one credential of a request, unread. */
export interface Credential {
  readonly scheme: Scheme
  /** Without the scheme's name; token68 (RFC 9110 section 11.2). */
  readonly value: string
  readonly transport: Transport
  /** The `Authorization` scheme as written, in lower case; empty outside of the header. */
  readonly word: string
}

/** One request on its way through the verifier, with everything that its judgement depends on. */
export interface Exchange {
  readonly request: HttpRequest
  readonly target: Target
  readonly locations: readonly Location[]
  /** Whole seconds since the epoch. */
  readonly now: number
  readonly maxAgeSeconds: number
  readonly maxAheadSeconds: number
  readonly clockToleranceSeconds: number
  readonly nonces: RequestNonces | undefined
}

/** What a scheme has read from a credential, unverified. */
export interface Proof {
  readonly accessToken: string
  /** The `nonce` of the proof, a server's or the client's own. */
  readonly nonce?: string | undefined
}

/** What makes two uses of a proof the same (`replay/`). */
interface ProofId {
  readonly id: string
  /** Seconds since the epoch, as the proof says; may be a fraction. */
  readonly issuedAt: number
}

/**
 * One way to present a bound token. The verifier calls the functions in this order; each throws
 * `PopError`. Made by `pop()`, `dpop()`, `mtls()` and `bearer()`; the interface itself is not stable.
 */
export interface Scheme<P extends Proof = Proof> {
  readonly name: SchemeName
  /** Its name in `Authorization` and in challenges. */
  readonly challenge: 'PoP' | 'DPoP' | 'Bearer'
  /** The word for a failed proof. */
  readonly proofError: OAuthErrorWord
  /** The word for a missing or stale server nonce; absent where the scheme has none. */
  readonly nonceError?: OAuthErrorWord
  /** For the `algs` of the challenge (RFC 9449 section 7.1). */
  readonly algs?: readonly AlgorithmName[]
  /** What its proofs can sign beside method, host and path; absent where that is nothing. */
  readonly signs?: readonly ('query' | 'headers' | 'body')[]
  /** The form field and query parameter that may carry the credential, and where it is looked for. */
  readonly parameter?: { readonly name: string; readonly transports: readonly Transport[] }
  /** The SHA-256 thumbprint of the client certificate of a request, for tokens that are bound to one. */
  readonly certificateThumbprint?: (request: HttpRequest) => string | undefined
  /** Whether an `Authorization` value with this scheme (lower case) is this scheme's credential. */
  accepts(word: string, value: string): boolean
  /** `Authorization` schemes whose values are read as this scheme's where no scheme accepts them. */
  readonly words?: readonly string[]
  /** Step 2: reads the proof and makes every check that needs neither key nor I/O. */
  read(credential: Credential, exchange: Exchange): P
  /** Step 4: the key that the token confirms, after key hygiene; undefined when the scheme needs none. */
  confirm(proof: P, token: ResolvedToken): Promise<VerificationKey | undefined>
  /** Step 5: the signature. */
  verify(proof: P, key: VerificationKey | undefined): void
  /** Step 6: what was signed against what arrived. */
  compare(proof: P, exchange: Exchange): Promise<Coverage>
  /** Step 7: what to remember; undefined when the scheme has no proof. */
  identify(proof: P, exchange: Exchange): ProofId | undefined
}
