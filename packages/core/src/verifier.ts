import { createAccessToken, type AccessToken, type SchemeName } from './access-token.ts'
import { toRefusal, type RefusalDetail } from './challenge.ts'
import { missedCredential, readCredential } from './credential.ts'
import { PopError } from './errors.ts'
import { publishAccepted, publishRefused } from './events.ts'
import { locationsOf, readTarget } from './location.ts'
import { claimProof } from './replay/claim.ts'
import { resolveOptions, type Mode, type Settings, type VerifierOptions } from './options.ts'
import { checkHost, type HttpRequest } from './request.ts'
import type { ResourceMetadata } from './resource-metadata.ts'
import { successHeaders } from './response-headers.ts'
import type { Credential, Exchange, Scheme } from './schemes/scheme.ts'
import { compareRequest } from './steps/compare.ts'
import { confirmKey } from './steps/confirm.ts'
import { readProof } from './steps/read.ts'
import { verifyProof } from './steps/verify.ts'
import { resolveAccessToken } from './tokens/resolve.ts'

/** A request that passed every check. */
export interface Verification {
  readonly accessToken: AccessToken
  /** To be set on the response before the handler runs: nonce rotation, cache and referrer rules. */
  readonly responseHeaders: readonly (readonly [string, string])[]
}

/** When something is judged. */
export type Moment = Pick<Exchange, 'now' | 'clockToleranceSeconds'>

/** Verifies requests. Made once, at start-up; holds no state of a request. */
export interface Verifier {
  /** What adapters do with a request that is refused; `verify` throws either way. */
  readonly mode: Mode
  /** The enabled schemes, and what their proofs can sign. */
  readonly schemes: readonly Pick<Scheme, 'name' | 'signs'>[]
  /** The document of RFC 9728, where the option `metadata` is set. */
  readonly metadata: ResourceMetadata | undefined
  /**
   * Resolves only for a request that is verified.
   *
   * @throws PopError for every other request, ready to be sent
   */
  verify(request: HttpRequest): Promise<Verification>
  /**
   * Like `verify`, but resolves to undefined for a request that carries no credential of an enabled
   * scheme. A bad credential is refused all the same.
   *
   * @throws PopError
   */
  verifyOptional(request: HttpRequest): Promise<Verification | undefined>
  /**
   * The time by the clock of this verifier, and how far that of an issuer may differ, for checks on the
   * result.
   *
   * @throws PopError while the clock gives no number
   */
  moment(): Moment
  /** Completes an error with the challenge of this verifier, for checks on the result (`guards.ts`). */
  refuse(error: PopError, scheme?: SchemeName, detail?: RefusalDetail): PopError
}

/**
 * Makes a verifier: it accepts an access token only from the client that holds its key.
 *
 * @throws TypeError with `code` for wrong options
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const settings = resolveOptions(options)
  const { mode } = settings

  async function verifyOptional(request: HttpRequest): Promise<Verification | undefined> {
    let credential: Awaited<ReturnType<typeof readCredential>>
    try {
      credential = await readCredential(request, settings.schemes)
      if (credential === undefined) return undefined
      if ('error' in credential) throw credential.error
      return await verifyCredential(credential, request, settings)
    } catch (error) {
      throw refuse(error, credential?.scheme, settings, { request, mode })
    }
  }

  return Object.freeze<Verifier>({
    mode,
    schemes: settings.schemes,
    metadata: settings.metadata,
    verifyOptional,
    async verify(request) {
      const verification = await verifyOptional(request)
      if (verification !== undefined) return verification
      try {
        throw new PopError('ERR_POP_CREDENTIAL_MISSING', missedCredential(request))
      } catch (error) {
        throw refuse(error, undefined, settings, { request, mode })
      }
    },
    moment: () => ({
      now: readClock(settings),
      clockToleranceSeconds: settings.clockToleranceSeconds,
    }),
    refuse(error, scheme, detail) {
      const used = settings.schemes.find(({ name }) => name === scheme)
      return refuse(error, used, settings, detail)
    },
  })
}

/**
 * What follows once the one credential is found. Each line throws, and takes what only the line before it makes:
 * without a step, or in another order, this does not compile.
 */
async function verifyCredential(
  credential: Credential,
  request: HttpRequest,
  settings: Settings,
): Promise<Verification> {
  const { schemes, resolvers } = settings
  const exchange = openExchange(request, settings)
  const read = readProof(credential, exchange)
  const token = await resolveAccessToken(read.proof.accessToken, exchange, resolvers)
  const confirmed = await confirmKey(read, token, schemes)
  const signed = verifyProof(confirmed)
  const compared = await compareRequest(signed)
  const claimed = await claimProof(compared, settings)
  const accessToken = createAccessToken(claimed)
  publishAccepted(accessToken, request)
  return { accessToken, responseHeaders: successHeaders(credential, read.proof, exchange) }
}

/** Host and target, and what the judgement depends on. */
function openExchange(request: HttpRequest, settings: Settings): Exchange {
  checkHost(request)
  const locations = locationsOf(settings.locations, request)
  const target = readTarget(request.target, locations)
  return { request, target, locations, ...momentOf(settings) }
}

/** The time at which a request is judged, and what depends on it. */
export function momentOf(settings: Settings): Omit<Exchange, 'request' | 'target' | 'locations'> {
  const { nonces, maxAgeSeconds, maxAheadSeconds, clockToleranceSeconds } = settings
  const now = readClock(settings)
  return { now, maxAgeSeconds, maxAheadSeconds, clockToleranceSeconds, nonces: nonces?.at(now) }
}

function readClock(settings: Settings): number {
  const now = Math.floor(settings.now() / 1000)
  // Every comparison with NaN is false, so a broken clock would let everything be in time.
  if (!Number.isFinite(now)) throw new PopError('ERR_POP_INTERNAL', { member: 'now' })
  return now
}

/** Anything that is not a refusal is a mistake of ours or of a hook: 500, and never a pass. */
export function refuse(
  error: unknown,
  scheme: Scheme | undefined,
  settings: Settings,
  detail?: RefusalDetail,
): PopError {
  const known =
    error instanceof PopError
      ? error
      : new PopError('ERR_POP_INTERNAL', error instanceof Error ? error : undefined)
  const refusal = toRefusal(known, scheme, settings, detail)
  publishRefused(refusal, scheme?.name, detail)
  return refusal
}
