import { PopError } from './errors.ts'
import { describeFault } from './fault.ts'
import type { AlgorithmName } from './jws/algorithms.ts'
import { isPlainObject, parseStrictObject } from './jws/strict-json.ts'
import { importSecretJwk, type Jwk, type VerificationKey } from './keys/jwk.ts'
import type { KeyCache, PublicKey } from './keys/key-cache.ts'
import { callOutside } from './outside-call.ts'
import type { FindJkuKey } from './tokens/jku-keys.ts'
import type { ResolvedToken } from './tokens/resolver.ts'

/** What a PoP scheme may use to find the key of a token. */
export interface KeySources {
  readonly algorithm: AlgorithmName
  readonly keys: KeyCache
  /** The `cnf` of the proof: counts only when its thumbprint is the bound one. */
  readonly proofConfirmation: unknown
  readonly resolveKey?: ((token: ResolvedToken) => Promise<Jwk | undefined>) | undefined
  /** Follows `cnf.jku`; absent where no host is trusted with keys. */
  readonly findJkuKey?: FindJkuKey | undefined
  /** The application was asked for the key, and gave none. */
  readonly asked?: boolean
}

const andNoneKnown = ', and resolveKey gave none'

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
  refuseMethods(confirmation, findJkuKey === undefined ? ['jku', 'x5t#S256'] : ['x5t#S256'])
  if (findJkuKey !== undefined && Object.hasOwn(confirmation, 'jku')) {
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

/** A `kid` alone, which the proof's own key does not have as its thumbprint. */
function isForApplication({ jwk, jwe, kid }: Jwk, sources: KeySources): boolean {
  if (sources.resolveKey === undefined || typeof kid !== 'string') return false
  if (jwk !== undefined || jwe !== undefined) return false
  const own = sources.proofConfirmation
  if (!isPlainObject(own)) return true
  if (own['jwk'] === undefined) return own['jwe'] === undefined
  const key = isPlainObject(own['jwk']) && sources.keys.read(own['jwk'], sources.algorithm)
  return typeof key === 'object' && key.thumbprint !== kid
}

/** The key that the application knows by this name (RFC 7800 section 3.4). */
async function findNamedKey(
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

/** Beside `jku`, `kid` names a key of the set (RFC 7800 section 3.5) and is no thumbprint. */
async function readJkuKey(
  { jku, kid, ...others }: Jwk,
  findJkuKey: FindJkuKey,
  sources: KeySources,
): Promise<VerificationKey> {
  if (others['jwk'] !== undefined || others['jwe'] !== undefined) throw unusable('jku')
  const jwk = await findJkuKey(jku, kid)
  const key = readPublic(jwk, sources, 'ERR_POP_CONFIRMATION_KEY_INVALID')
  checkThumbprints(others, key.thumbprint)
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
  if (jwe !== undefined)
    return readEncrypted(jwe, token, sources, 'ERR_POP_CONFIRMATION_KEY_INVALID')
  if (typeof kid === 'string') return readProofKey(kid, token, sources)
  if (confirmation['jkt'] !== undefined) throw otherMethod('jkt')
  throw unusable('cnf')
}

/** The proof's own key proves nothing unless the token has its thumbprint; a `kid` in it is not followed. */
async function readProofKey(
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

async function findUnconfirmedKey(
  token: ResolvedToken,
  sources: KeySources,
): Promise<VerificationKey> {
  if (token.key !== undefined)
    return readPublic(token.key, sources, 'ERR_POP_CONFIRMATION_KEY_INVALID')
  const jwk = await askApplication(token, sources)
  if (jwk !== undefined) return readApplicationKey(jwk, sources)
  const note = sources.resolveKey === undefined ? '' : andNoneKnown
  throw new PopError('ERR_POP_TOKEN_UNBOUND', { member: 'cnf', actual: `none${note}` })
}

function readApplicationKey(jwk: unknown, sources: KeySources): VerificationKey {
  if (!isPlainObject(jwk) || jwk['kty'] !== 'oct') {
    return readPublic(jwk, sources, 'ERR_POP_CONFIRMATION_KEY_INVALID')
  }
  return readSecret(jwk, sources, 'ERR_POP_CONFIRMATION_KEY_INVALID')
}

async function askApplication(token: ResolvedToken, { resolveKey }: KeySources): Promise<unknown> {
  if (resolveKey === undefined) return undefined
  try {
    return await callOutside(resolveKey, () => resolveKey(token))
  } catch (error) {
    if (error instanceof PopError) throw error
    throw new PopError('ERR_POP_KEY_SOURCE_UNAVAILABLE', describeFault(error))
  }
}

type KeyFaultCode = 'ERR_POP_CONFIRMATION_KEY_INVALID' | 'ERR_POP_PROOF_KEY_INVALID'

function readPublic(jwk: unknown, sources: KeySources, code: KeyFaultCode): VerificationKey {
  return importPublic(inspectPublic(jwk, sources, code), code)
}

/** A public key after hygiene; refused with the code given. */
export function inspectPublic(
  jwk: unknown,
  { algorithm, keys }: Pick<KeySources, 'algorithm' | 'keys'>,
  code: KeyFaultCode,
): PublicKey {
  const key = isPlainObject(jwk) ? keys.read(jwk, algorithm) : 'type'
  if (typeof key === 'string') throw new PopError(code, { member: 'jwk', actual: key })
  return key
}

export function importPublic(key: PublicKey, code: KeyFaultCode): VerificationKey {
  const imported = key.import()
  if (imported === undefined) throw new PopError(code, { member: 'jwk', actual: 'point' })
  return imported
}

async function readEncrypted(
  jwe: unknown,
  token: ResolvedToken,
  sources: KeySources,
  code: KeyFaultCode,
): Promise<VerificationKey> {
  if (token.decrypt === undefined) {
    throw new PopError(code, { member: 'jwe', expected: 'decryptionKeys', actual: 'none' })
  }
  const plaintext = typeof jwe === 'string' ? await token.decrypt(jwe) : undefined
  const jwk = plaintext && parseStrictObject(Buffer.from(plaintext))
  if (jwk === undefined) throw new PopError(code, { member: 'jwe', actual: 'encoding' })
  return readSecret(jwk, sources, code)
}

function readSecret(jwk: Jwk, { algorithm }: KeySources, code: KeyFaultCode): VerificationKey {
  const key = importSecretJwk(jwk, algorithm)
  if (typeof key === 'string') throw new PopError(code, { member: 'jwk', actual: key })
  return key
}

/**
 * The DPoP binding (RFC 9449 section 6): `jkt` is the thumbprint of the proof's key. A `jwk` or
 * `kid` beside it must name the same key; a method that we cannot check refuses the token.
 */
export function confirmDpopKey(
  token: ResolvedToken,
  key: PublicKey,
  sources: Pick<KeySources, 'algorithm' | 'keys'>,
): void {
  refuseRivalTokenType(token, 'dpop')
  const { confirmation } = token
  if (confirmation === undefined) throw new PopError('ERR_POP_TOKEN_UNBOUND', { member: 'cnf' })
  refuseMethods(confirmation, ['jku', 'jwe', 'x5t#S256'])
  if (confirmation['jkt'] === undefined) {
    throw confirmation['jwk'] === undefined && confirmation['kid'] === undefined
      ? unusable('cnf')
      : otherMethod('jwk')
  }
  checkThumbprints(confirmation, key.thumbprint)
  if (confirmation['jwk'] === undefined) return
  const beside = inspectPublic(confirmation['jwk'], sources, 'ERR_POP_CONFIRMATION_KEY_INVALID')
  if (beside.thumbprint !== key.thumbprint) throw otherKey('jwk', beside.thumbprint, key.thumbprint)
}

/** A bearer token must be bound to nothing: neither by `cnf`, however odd, nor by a key beside it. */
export function refuseBound(token: ResolvedToken): void {
  refuseRivalTokenType(token, 'bearer')
  const { confirmation, key, claims } = token
  if (confirmation !== undefined) throw new PopError('ERR_POP_TOKEN_BOUND', { member: 'cnf' })
  if (key === undefined) return
  const member = Object.keys(claims).find((name) => claims[name] === key) ?? 'key'
  throw new PopError('ERR_POP_TOKEN_BOUND', { member })
}

/** `jkt` and `kid`, where present, are the thumbprint of the key in use. */
function checkThumbprints(confirmation: Jwk, thumbprint: string): void {
  for (const method of ['jkt', 'kid']) {
    const named = confirmation[method]
    if (named === undefined) continue
    if (typeof named !== 'string') throw unusable(method)
    if (named !== thumbprint) throw otherKey(method, named, thumbprint)
  }
}

function refuseMethods(confirmation: Jwk, methods: readonly string[]): void {
  const found = methods.find((method) => Object.hasOwn(confirmation, method))
  if (found !== undefined) throw otherMethod(found)
}

/** `token_type` of an introspection response (RFC 7662 section 2.2) may name the other bound scheme. */
function refuseRivalTokenType(token: ResolvedToken, scheme: 'pop' | 'dpop' | 'bearer'): void {
  const type = token.claims['token_type']
  const named = typeof type === 'string' ? type.toLowerCase() : ''
  if ((named === 'pop' || named === 'dpop') && named !== scheme) {
    throw otherMethod('token_type', named === 'pop' ? 'PoP' : 'DPoP')
  }
}

const schemeOfMethod: Readonly<Record<string, string>> = {
  jkt: 'DPoP',
  jku: 'PoP with jkuHosts',
  'x5t#S256': 'mutual TLS',
}

function otherMethod(member: string, scheme = schemeOfMethod[member] ?? 'PoP'): PopError {
  return new PopError('ERR_POP_BINDING_OTHER_METHOD', { member, actual: `for ${scheme}` })
}

function otherKey(member: string, expected: string, actual: string): PopError {
  return new PopError('ERR_POP_BINDING_OTHER_KEY', { member, expected, actual })
}

function unusable(member: string): PopError {
  return new PopError('ERR_POP_CONFIRMATION_INVALID', { member })
}
