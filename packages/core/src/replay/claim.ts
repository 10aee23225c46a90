import { PopError } from '../errors.ts'
import { sha256, sha256OfParts } from '../hash.ts'
import type { ComparedProof } from '../steps/compare.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'
import { askStore } from './checked-store.ts'
import type { ReplayEntry, ReplayStore, ReplayStoreError } from './store.ts'

declare const claimed: unique symbol

/** A proof that has passed every check, and that nobody has used before; made here alone. */
export interface ClaimedProof extends ComparedProof {
  readonly [claimed]: true
}

export interface ReplaySettings {
  readonly replay: ReplayStore | undefined
  readonly now: () => number
}

/**
 * Step 7: claims a proof in the store, failing closed: a store that cannot say makes the request fail with 503.
 *
 * @throws PopError
 */
export async function claimProof(
  compared: ComparedProof,
  settings: ReplaySettings,
): Promise<ClaimedProof> {
  const entry = replayEntry(compared)
  if (entry === undefined || settings.replay === undefined) return compared as ClaimedProof
  // A slow body or token source may have outlasted the proof, and with it any entry for it.
  const inTime = Math.floor(settings.now() / 1000) <= entry.expiresAt
  if (!inTime) throw new PopError('ERR_POP_PROOF_EXPIRED')
  let first: boolean
  try {
    first = await askStore(settings.replay, entry)
  } catch (error) {
    throw toRefusal(error as ReplayStoreError)
  }
  if (!first) throw new PopError('ERR_POP_PROOF_REPLAYED')
  return compared as ClaimedProof
}

/**
 * The id is namespaced by scheme and key, so that no key can use up the identifiers of another. A secret
 * that a client shares with its users is no name for one of them, and its thumbprint must not leave the
 * process: there the access token takes its place.
 */
function replayEntry(compared: ComparedProof): ReplayEntry | undefined {
  const { scheme, proof, token, key, exchange } = compared
  const identified = scheme.identify(proof, exchange)
  if (identified === undefined || key === undefined) return undefined
  const holder = key.symmetric ? sha256(`token ${proof.accessToken}`) : key.thumbprint
  return {
    id: sha256OfParts(scheme.name, holder, identified.id),
    owner: ownerOf(token) ?? holder,
    ...lifeOf(identified.issuedAt, compared),
  }
}

/** Whose quota is used: the user, else the client, that the token names. Many keys are still one owner. */
function ownerOf({ issuer = '', subject, clientId }: ResolvedToken): string | undefined {
  if (subject !== undefined) return sha256OfParts('subject', issuer, subject)
  return clientId === undefined ? undefined : sha256OfParts('client', issuer, clientId)
}

/**
 * When the proof can have been used and until when it can be: by its own time, never by now. A nonce of
 * ours says that no use was before the nonce, and where it stands for the time, how long uses go on.
 */
function lifeOf(
  time: number,
  { scheme, proof, exchange }: ComparedProof,
): Pick<ReplayEntry, 'issuedAt' | 'expiresAt'> {
  const { nonces, maxAgeSeconds } = exchange
  const window =
    proof.nonce === undefined ? undefined : nonces?.judge(proof.nonce, scheme.challenge).window
  if (window !== undefined && nonces?.time === true)
    return { issuedAt: window.from, expiresAt: window.until }
  return {
    issuedAt: Math.max(Math.floor(time), window?.from ?? 0),
    expiresAt: Math.ceil(time) + maxAgeSeconds,
  }
}

function toRefusal(error: ReplayStoreError): PopError {
  const { code, retryAfterSeconds } = error
  if (retryAfterSeconds === undefined) return new PopError(code, error)
  const headers = { 'retry-after': String(retryAfterSeconds) }
  return new PopError(code, error, { headers })
}
