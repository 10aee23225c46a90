import { isPopError } from '@oauth-pop/core'
import { createDpopProofVerifier, type DpopProofVerifierOptions } from '@oauth-pop/core/dpop-proof'
import { readParameter, type TokenRequestParameters } from './confirmation-request.ts'
import { readThumbprint } from './client-key.ts'
import { IssuerError, type IssuerErrorWord } from './errors.ts'

/** How proofs of token requests are judged: as by `createDpopProofVerifier` of core. */
export type DpopOptions = Omit<DpopProofVerifierOptions, 'url'>

/** What a proof has shown. */
interface ProvenKey {
  readonly jkt: string
  readonly responseHeaders: Readonly<Record<string, string>>
}

export interface DpopEndpoint {
  readonly algorithms: readonly string[]
  /**
   * The key that the `DPoP` header of a request of this client proves.
   *
   * @throws IssuerError `invalid_dpop_proof`, `use_dpop_nonce`, or `temporarily_unavailable` for an
   *   outage of the replay store
   */
  prove(request: Request, clientId: string): Promise<ProvenKey>
}

/** @throws TypeError for wrong options */
export function createDpopEndpoint(url: string, options: DpopOptions = {}): DpopEndpoint {
  const verifier = createDpopProofVerifier({ ...options, url })
  return {
    algorithms: verifier.algorithms,
    async prove({ method, headers }, clientId) {
      // Headers joins the lines of one name with a comma, and several proofs are refused by it.
      const rawHeaders = [...headers].flat()
      try {
        const { thumbprint, responseHeaders } = await verifier.verify(
          { method, rawHeaders },
          clientId,
        )
        return { jkt: thumbprint, responseHeaders: Object.fromEntries(responseHeaders) }
      } catch (error) {
        throw toIssuerError(error)
      }
    },
  }
}

/** What is neither the client's fault nor an outage is thrown on. */
function toIssuerError(error: unknown): unknown {
  if (!isPopError(error)) return error
  const word = error.status === 503 ? 'temporarily_unavailable' : error.error
  if (word === undefined) return error
  const headers = error.headers as Readonly<Record<string, string>>
  return new IssuerError(word as IssuerErrorWord, error.message, { headers, cause: error })
}

/**
 * The `dpop_jkt` of an authorization request (RFC 9449 section 10): the thumbprint of the key that the
 * token request must prove. Keep it with the code, and give it to `grant` as `dpopJkt`.
 *
 * @throws IssuerError `invalid_request` for anything that is not one SHA-256 thumbprint
 */
export function readDpopJkt(parameters: TokenRequestParameters): string | undefined {
  const jkt = readParameter(parameters, 'dpop_jkt')
  return jkt === undefined ? undefined : readThumbprint(jkt)
}
