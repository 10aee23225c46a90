import { PopError } from '../errors.ts'
import { isPlainObject } from '../jws/strict-json.ts'
import type { Jwk, VerificationKey } from '../keys/jwk.ts'
import type { ResolvedToken } from '../tokens/resolver.ts'
import { askApplication, readApplicationKey } from './application-key.ts'
import { readEncrypted } from './jwe.ts'
import { importPublic, inspectPublic } from './jwk.ts'
import { otherKey, unusable } from './methods.ts'
import type { KeySources } from './pop-key.ts'

export const andNoneKnown = ', and resolveKey gave none'

/** A `kid` alone, which the proof's own key does not have as its thumbprint. */
export function isForApplication({ jwk, jwe, kid }: Jwk, sources: KeySources): boolean {
  if (sources.resolveKey === undefined || typeof kid !== 'string') return false
  if (jwk !== undefined || jwe !== undefined) return false
  const own = sources.proofConfirmation
  if (!isPlainObject(own)) return true
  if (own['jwk'] === undefined) return own['jwe'] === undefined
  const key = isPlainObject(own['jwk']) && sources.keys.read(own['jwk'], sources.algorithm)
  return typeof key === 'object' && key.thumbprint !== kid
}

/** The key that the application knows by this name (RFC 7800 section 3.4). */
export async function findNamedKey(
  kid: unknown,
  token: ResolvedToken,
  sources: KeySources,
): Promise<VerificationKey | undefined> {
  const jwk = await askApplication(token, sources)
  if (jwk === undefined) return undefined
  const named = isPlainObject(jwk) ? (jwk['kid'] ?? kid) : kid
  if (named !== kid) throw otherKey('kid', String(kid), String(named))
  return readApplicationKey(jwk, sources)
}

/** The proof's own key proves nothing unless the token has its thumbprint; a `kid` in it is not followed. */
export async function readProofKey(
  kid: string,
  token: ResolvedToken,
  sources: KeySources,
): Promise<VerificationKey> {
  const { proofConfirmation: own, asked } = sources
  const note = asked === true ? andNoneKnown : ''
  if (!isPlainObject(own)) {
    throw new PopError('ERR_POP_PROOF_MEMBER_MISSING', {
      member: 'cnf',
      expected: 'the key whose thumbprint is cnf.kid of the token',
      actual: `none${note}`,
    })
  }
  if (own['jwk'] === undefined && own['jwe'] !== undefined) {
    return readEncrypted(own['jwe'], token, sources, 'ERR_POP_PROOF_KEY_INVALID')
  }
  const key = inspectPublic(own['jwk'], sources, 'ERR_POP_PROOF_KEY_INVALID')
  // Before the import: an unbound key is not worth the work.
  if (key.thumbprint !== kid) throw otherKey('kid', kid, `${key.thumbprint}${note}`)
  return importPublic(key, 'ERR_POP_PROOF_KEY_INVALID')
}

/** `jkt` and `kid`, where present, are the thumbprint of the key in use. */
export function checkThumbprints(confirmation: Jwk, thumbprint: string): void {
  for (const method of ['jkt', 'kid']) {
    const named = confirmation[method]
    if (named === undefined) continue
    if (typeof named !== 'string') throw unusable(method)
    if (named !== thumbprint) throw otherKey(method, named, thumbprint)
  }
}
