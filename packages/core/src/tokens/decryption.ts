import { compactDecrypt, decodeProtectedHeader, importJWK, type JWK } from 'jose'
import { optionError } from '../errors.ts'
import { isPlainObject } from '../jws/strict-json.ts'
import type { Jwk } from '../keys/jwk.ts'

/** Decrypts a compact JWE with whichever key fits; undefined when none does. */
export type Decrypt = (jwe: string) => Promise<Uint8Array | undefined>

type DecryptionKey = Awaited<ReturnType<typeof importJWK>>

/** A key, with what was imported of it: an import costs as much as a decryption. */
interface OwnKey {
  readonly jwk: Jwk
  readonly imported: Map<string, Promise<DecryptionKey | undefined>>
}

/** The key management that is understood (RFC 7518 section 4.1), and its type of key. */
const keyTypes: ReadonlyMap<string, readonly string[]> = new Map([
  ...['RSA-OAEP', 'RSA-OAEP-256', 'RSA-OAEP-384', 'RSA-OAEP-512'].map((alg): [string, string[]] => [
    alg,
    ['RSA'],
  ]),
  ...['ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A192KW', 'ECDH-ES+A256KW'].map(
    (alg): [string, string[]] => [alg, ['EC', 'OKP']],
  ),
  ...['dir', 'A128KW', 'A192KW', 'A256KW', 'A128GCMKW', 'A192GCMKW', 'A256GCMKW'].map(
    (alg): [string, string[]] => [alg, ['oct']],
  ),
])

/** A stranger's JWE costs no more than so many decryptions. */
const mostTried = 4

/**
 * The option `decryptionKeys`: private or symmetric keys, or absent.
 *
 * @throws TypeError with `code`
 */
export function readDecrypt(where: string, keys: unknown): Decrypt | undefined {
  if (keys === undefined) return undefined
  if (Array.isArray(keys) && keys.length > 0 && keys.every(isSecretKey)) {
    return createDecrypt(structuredClone(keys) as readonly Jwk[])
  }
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    `${where} decryptionKeys must be a list of private or symmetric keys as JWKs, with d or k`,
  )
}

function isSecretKey(key: unknown): boolean {
  return isPlainObject(key) && (typeof key['d'] === 'string' || typeof key['k'] === 'string')
}

/**
 * Decryption with the given private or symmetric keys (RFC 7516). A key is tried for its own type of
 * `alg` and curve only; one that names a `kid` or an `alg` for those, and one whose `use` is not
 * `enc` for nothing. At most 4 keys are tried, those that the JWE names first; each is imported once.
 * Compressed content and password-based encryption are refused.
 */
export function createDecrypt(keys: readonly Jwk[]): Decrypt {
  const own = keys.map((jwk): OwnKey => ({ jwk, imported: new Map() }))
  return async function decrypt(jwe) {
    const header = readHeader(jwe)
    if (header?.alg === undefined || header.zip !== undefined) return undefined
    const fitting = own.filter(({ jwk }) => fits(jwk, header))
    const named = fitting.filter(({ jwk }) => jwk['kid'] !== undefined)
    const others = fitting.filter(({ jwk }) => jwk['kid'] === undefined)
    for (const key of [...named, ...others].slice(0, mostTried)) {
      const plaintext = await tryKey(jwe, key, header.alg)
      if (plaintext !== undefined) return plaintext
    }
    return undefined
  }
}

interface JweHeader {
  readonly alg?: string
  readonly kid?: string
  readonly zip?: unknown
  readonly epk?: unknown
}

function fits({ kid, alg, crv, kty, use = 'enc' }: Jwk, header: JweHeader): boolean {
  const wantedAlg = header.alg as string
  if (use !== 'enc' || (alg ?? wantedAlg) !== wantedAlg) return false
  if (!keyTypes.get(wantedAlg)?.includes(kty as string)) return false
  if (kty === 'EC' || kty === 'OKP') {
    if (!isPlainObject(header.epk) || header.epk['crv'] !== crv) return false
  }
  return header.kid === undefined || (kid ?? header.kid) === header.kid
}

function readHeader(jwe: string): JweHeader | undefined {
  if (jwe.split('.', 6).length !== 5) return undefined
  try {
    return decodeProtectedHeader(jwe)
  } catch {
    return undefined
  }
}

async function tryKey(jwe: string, key: OwnKey, alg: string): Promise<Uint8Array | undefined> {
  const imported = await importOnce(key, alg)
  if (imported === undefined) return undefined
  try {
    const { plaintext } = await compactDecrypt(jwe, imported)
    return plaintext
  } catch {
    // A wrong key, a damaged JWE and a key of another kind must look alike.
    return undefined
  }
}

/** Bounded: a key is imported for the algorithms of its type only. */
function importOnce({ jwk, imported }: OwnKey, alg: string): Promise<DecryptionKey | undefined> {
  const known = imported.get(alg)
  if (known !== undefined) return known
  const key = importJWK(jwk as JWK, alg).catch(() => undefined)
  imported.set(alg, key)
  return key
}
