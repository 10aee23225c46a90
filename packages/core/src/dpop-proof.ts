/** DPoP proofs that come without an access token: for the token endpoint of an authorization server. */
import { importPublic } from './confirmation/jwk.ts'
import { optionError, PopError } from './errors.ts'
import type { Jwk } from './keys/jwk.ts'
import { oneOrMore, readOptions, secureUrl } from './option-readers.ts'
import { resolveOptions, type VerifierOptions } from './options.ts'
import { claimProof } from './replay/claim.ts'
import type { HttpRequest } from './request.ts'
import { successHeaders } from './response-headers.ts'
import { createDpopScheme, type DpopOptions, type DpopProof } from './schemes/dpop.ts'
import type { Exchange, Scheme } from './schemes/scheme.ts'
import { compareRequest } from './steps/compare.ts'
import { confirmOwnKey } from './steps/confirm.ts'
import { readProof } from './steps/read.ts'
import { verifyProof } from './steps/verify.ts'
import { momentOf, refuse } from './verifier.ts'

type SharedOptions = Pick<
  VerifierOptions,
  'replay' | 'nonce' | 'maxAgeSeconds' | 'maxAheadSeconds' | 'clockToleranceSeconds' | 'now'
>

/** As those of `dpop()` and `createVerifier`; unknown names are refused. */
export interface DpopProofVerifierOptions
  extends Omit<DpopOptions, 'dangerouslyWithoutAth'>, SharedOptions {
  /**
   * The URL of the endpoint as clients write it, or several: https, or http on loopback; no query. A
   * slash at its end does not count.
   */
  readonly url: string | readonly string[]
}

/** The key whose possession a request proves. */
export interface VerifiedDpopProof {
  /** The public key, without members that are not the key. */
  readonly jwk: Jwk
  /** Its RFC 7638 thumbprint with SHA-256, in base64url: `cnf.jkt` of the token. */
  readonly thumbprint: string
  /** To be set on the response: `dpop-nonce`, where the nonce of the proof is missing or ageing. */
  readonly responseHeaders: readonly (readonly [string, string])[]
}

export interface DpopProofVerifier {
  /** For `dpop_signing_alg_values_supported` (RFC 9449 section 5.1). */
  readonly algorithms: readonly string[]
  /**
   * Verifies the one `DPoP` header of a request, and claims it: a proof passes once.
   *
   * @throws PopError for every other request. Its `error` is the word for the body, to be sent with
   *   400: `invalid_dpop_proof`, or `use_dpop_nonce` with the nonce in its `headers`. Without a word
   *   it is 503 or 500, as its `status` says.
   * @param clientId the client that asks: its proofs then share one quota of the replay store. Without it
   *   each key has its own, and a stranger with many keys can fill the store for everybody.
   */
  verify(
    request: Pick<HttpRequest, 'method' | 'rawHeaders'>,
    clientId?: string,
  ): Promise<VerifiedDpopProof>
}

const sharedNames = [
  'replay',
  'nonce',
  'maxAgeSeconds',
  'maxAheadSeconds',
  'clockToleranceSeconds',
  'now',
] as const satisfies readonly (keyof SharedOptions)[]

/**
 * Makes what verifies the proofs of token requests, with the checks of `dpop()` but for the access
 * token, which is not there yet.
 *
 * @see [RFC 9449 section 5](https://www.rfc-editor.org/rfc/rfc9449#section-5)
 * @throws TypeError with `code` for wrong options
 */
export function createDpopProofVerifier(options: DpopProofVerifierOptions): DpopProofVerifier {
  const own = readOptions('createDpopProofVerifier', options, [
    'url',
    'algorithms',
    'maxProofLength',
    ...sharedNames,
  ])
  const { url, algorithms, maxProofLength, ...shared } = own
  const scheme = createDpopScheme({ algorithms, maxProofLength } as DpopOptions, 'none')
  const general = scheme as Scheme
  const settings = resolveOptions({
    ...shared,
    publicUrl: oneOrMore('url', url).map(readUrl),
    tokens: { resolve: async () => undefined },
    schemes: [general],
  })
  // The URLs are whole, so that nothing of the request is compared with itself.
  const place = { target: { path: '', query: '' }, locations: settings.locations ?? [] }

  async function verify(
    request: HttpRequest,
    clientId: string | undefined,
  ): Promise<VerifiedDpopProof> {
    const exchange: Exchange = { request, ...place, ...momentOf(settings) }
    const credential = { scheme: general, value: '', transport: 'header', word: '' } as const
    const read = readProof(credential, exchange)
    const key = importPublic((read.proof as DpopProof).key, 'ERR_POP_PROOF_KEY_INVALID')
    await claimProof(
      await compareRequest(verifyProof(confirmOwnKey(read, key, clientId))),
      settings,
    )
    return {
      jwk: key.keyObject.export({ format: 'jwk' }) as Jwk,
      thumbprint: key.thumbprint,
      responseHeaders: successHeaders(credential, read.proof, exchange),
    }
  }

  return Object.freeze<DpopProofVerifier>({
    algorithms: scheme.algs,
    async verify({ method, rawHeaders }, clientId) {
      const request = { method, target: '', rawHeaders }
      try {
        return await verify(request, clientId)
      } catch (error) {
        throw withoutChallenge(refuse(error, general, settings))
      }
    },
  })
}

function readUrl(text: string): string {
  const { href } = secureUrl('url', text)
  if (!/[?#*]/.test(text)) return href
  throw optionError('ERR_POP_OPTION_INVALID', 'url must be that of one endpoint, without a query')
}

/** A challenge belongs to a resource (RFC 9449 section 7.1); a token endpoint has an error body. */
function withoutChallenge(refusal: PopError): PopError {
  const { 'www-authenticate': _, ...headers } = refusal.headers
  const evidence = refusal.cause as ConstructorParameters<typeof PopError>[1]
  return new PopError(refusal.code, evidence, { error: refusal.error, headers })
}
