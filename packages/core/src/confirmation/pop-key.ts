import type { Jwk, VerificationKey } from '../keys/jwk.ts'
import type { FindJkuKey } from '../tokens/jku-keys.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'
import { findUnconfirmedKey } from './absent.ts'
import { readJkuKey } from './jku.ts'
import { readConfirmedSecret } from './jwe.ts'
import { readPublic, type KeyReader } from './jwk.ts'
import { checkThumbprints, findNamedKey, isForApplication, readProofKey } from './kid.ts'
import { checkMethods, otherMethod, refuseRivalTokenType, unusable } from './methods.ts'

/** What a PoP scheme may use to find the key of a token. */
export interface KeySources extends KeyReader {
  /** The `cnf` of the proof: counts only when its thumbprint is the bound one. */
  readonly proofConfirmation: unknown
  readonly resolveKey?: ((token: ResolvedToken) => Promise<Jwk | undefined>) | undefined
  /** Follows `cnf.jku`; absent where no host is trusted with keys. */
  readonly findJkuKey?: FindJkuKey | undefined
  /** The application was asked for the key, and gave none. */
  readonly asked?: boolean
}

/**
 * The key that the token itself vouches for (RFC 7800 section 3): `cnf.jwk`, `cnf.jwe`, `cnf.jku` from
 * a trusted host, or `cnf.kid` as the thumbprint of a key that the proof carries, else as the
 * application's name of a key; without `cnf` the key that the token's source names, else the application's. When there are several methods, all must name the same key.
 *
 * Not checked here: the signature.
 */
export async function confirmPopKey(
  token: ResolvedToken,
  sources: KeySources,
): Promise<VerificationKey> {
  refuseRivalTokenType(token, 'pop')
  const { confirmation } = token
  if (confirmation === undefined) return findUnconfirmedKey(token, sources)
  const { findJkuKey } = sources
  checkMethods(confirmation, 'PoP')
  if (Object.hasOwn(confirmation, 'jku')) {
    if (findJkuKey === undefined) throw otherMethod('jku', 'PoP with jkuHosts')
    return readJkuKey(confirmation, findJkuKey, sources)
  }
  const { kid, ...others } = confirmation
  const asked = isForApplication(confirmation, sources)
  if (asked) {
    const key = await findNamedKey(kid, token, sources)
    if (key !== undefined) {
      checkThumbprints(others, key.thumbprint)
      return key
    }
  }
  const key = await findConfirmedKey(confirmation, token, { ...sources, asked })
  checkThumbprints(confirmation, key.thumbprint)
  return key
}

async function findConfirmedKey(
  confirmation: Jwk,
  token: ResolvedToken,
  sources: KeySources,
): Promise<VerificationKey> {
  const { jwk, jwe, kid } = confirmation
  if (jwk !== undefined && jwe !== undefined) throw unusable('jwk')
  if (jwk !== undefined) return readPublic(jwk, sources, 'ERR_POP_CONFIRMATION_KEY_INVALID')
  if (jwe !== undefined) return readConfirmedSecret(confirmation, token, sources)
  if (typeof kid === 'string') return readProofKey(kid, token, sources)
  throw unusable('cnf')
}
