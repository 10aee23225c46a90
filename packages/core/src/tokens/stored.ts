import { PopError, optionError } from '../errors.ts'
import { isPlainObject } from '../jws/strict-json.ts'
import type { Jwk } from '../keys/jwk.ts'
import { oneOrMore, readOptions } from '../option-readers.ts'
import { readClaims } from './claims.ts'
import { createDecrypt } from './decryption.ts'
import { copyClaims, seal, type TokenResolver } from './resolver.ts'

/** A stored access token, shaped like an introspection response; `active` may be left out. */
export type StoredRecord = Readonly<Record<string, unknown>>

/**
 * Finds the record of a token. Look it up by the hash, exactly: then neither the database nor the
 * comparison can leak the token. Undefined (or null) for a token that is not there.
 */
export type StoredLookup = (
  sha256Hex: string,
  token: string,
) => StoredRecord | null | undefined | Promise<StoredRecord | null | undefined>

export interface StoredTokensOptions {
  /** A record must name at least one of these in `aud`. */
  readonly audience: string | readonly string[]
  /** Where the record holds the public key when it has no `cnf`. Default `'access_token_key'`. */
  readonly keyMember?: string
  /** Private keys for keys in `cnf.jwe`. */
  readonly decryptionKeys?: readonly Jwk[]
}

/**
 * Access tokens in a database that the authorization server shares with this one. A lookup that
 * throws is an outage (503).
 *
 * @throws TypeError with `code` for wrong options
 */
export function storedTokens(lookup: StoredLookup, options: StoredTokensOptions): TokenResolver {
  if (typeof lookup !== 'function') {
    throw optionError('ERR_POP_OPTION_MISSING', 'storedTokens needs a lookup function')
  }
  const own = readOptions('storedTokens', options, ['audience', 'keyMember', 'decryptionKeys'])
  const audience = oneOrMore('storedTokens audience', own.audience)
  const keyMember = own.keyMember ?? 'access_token_key'
  const decrypt = own.decryptionKeys && createDecrypt(structuredClone(own.decryptionKeys))

  return {
    async resolve(token, { sha256 }) {
      const record = await lookup(Buffer.from(sha256).toString('hex'), token)
      if (record === undefined || record === null) return undefined
      if (!isPlainObject(record))
        throw new PopError('ERR_POP_TOKEN_CLAIM_INVALID', { member: 'record' })
      if ((record['active'] ?? true) !== true) throw new PopError('ERR_POP_TOKEN_INACTIVE')
      return seal(
        readClaims(copyClaims(record), { audience, keyMember, ...(decrypt && { decrypt }) }),
      )
    },
  }
}
