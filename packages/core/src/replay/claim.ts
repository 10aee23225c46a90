import { PopError } from '../errors.ts'
import { sha256, sha256OfParts } from '../hash.ts'
import type { VerificationKey } from '../keys/jwk.ts'
import type { Exchange, Proof, Scheme } from '../schemes/scheme.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'
import { ReplayStoreError, type ReplayEntry, type ReplayStore } from './store.ts'

const deadlineMs = 250

/** A proof that has passed every other check. */
export interface VerifiedProof {
  readonly scheme: Scheme
  readonly proof: Proof
  readonly token: ResolvedToken
  readonly key: VerificationKey | undefined
  readonly exchange: Exchange
}

export interface ReplaySettings {
  readonly replay: ReplayStore | undefined
  readonly now: () => number
}

/**
 * Claims a proof in the store, failing closed: a store that throws, answers anything but a boolean,
 * or does not answer in time makes the request fail with 503.
 */
export async function claimProof(verified: VerifiedProof, settings: ReplaySettings): Promise<void> {
  const entry = replayEntry(verified)
  if (entry === undefined || settings.replay === undefined) return
  // A slow body or token source may have outlasted the proof, and with it any entry for it.
  const inTime = Math.floor(settings.now() / 1000) <= entry.expiresAt
  if (!inTime) throw new PopError('ERR_POP_PROOF_EXPIRED')
  const first = await withinDeadline(settings.replay, entry)
  if (first === true) return
  if (first === false) throw new PopError('ERR_POP_PROOF_REPLAYED')
  throw new PopError('ERR_POP_REPLAY_UNAVAILABLE', {
    member: 'claim',
    expected: 'boolean',
    actual: typeof first,
  })
}

/**
 * The id is namespaced by scheme and owner, so that no client can use up the identifiers of
 * another; the end is computed from the proof's own time, never from now.
 */
function replayEntry({
  scheme,
  proof,
  token,
  key,
  exchange,
}: VerifiedProof): ReplayEntry | undefined {
  const identified = scheme.identify(proof, exchange)
  if (identified === undefined || key === undefined) return undefined
  const { id, issuedAt } = identified
  const owner = key.symmetric ? symmetricOwner(token, proof) : key.thumbprint
  const expiresAt = issuedAt + exchange.maxAgeSeconds
  return { id: sha256OfParts(scheme.name, owner, id), owner, issuedAt, expiresAt }
}

/** The thumbprint of a secret must not leave the process, not even hashed into a shared store. */
function symmetricOwner({ clientId }: ResolvedToken, { accessToken }: Proof): string {
  return clientId === undefined ? sha256(`token ${accessToken}`) : sha256(`client ${clientId}`)
}

async function withinDeadline(store: ReplayStore, entry: ReplayEntry): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ReplayStoreError('ERR_POP_REPLAY_UNAVAILABLE')), deadlineMs)
  })
  try {
    return await Promise.race([store.claim(entry), late])
  } catch (error) {
    throw asRefusal(error)
  } finally {
    clearTimeout(timer)
  }
}

function asRefusal(error: unknown): PopError {
  if (!(error instanceof Error)) return new PopError('ERR_POP_REPLAY_UNAVAILABLE')
  const code = error instanceof ReplayStoreError ? error.code : 'ERR_POP_REPLAY_UNAVAILABLE'
  return new PopError(code, error)
}
