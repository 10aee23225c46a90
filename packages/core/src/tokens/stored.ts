import { PopError, optionError } from '../errors.ts'
import { isPlainObject } from '../jws/strict-json.ts'
import type { Jwk } from '../keys/jwk.ts'
import { oneOrMore, readOptions } from '../option-readers.ts'
import { callOutside } from '../outside-call.ts'
import { readClaims, readKeyMember } from './claims.ts'
import { readDecrypt } from './decryption.ts'
import { copyClaims, markOurs, seal, type TokenResolver } from './resolver.ts'

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
 * throws or takes longer than 10 seconds, and one too many while 1,000 wait, is an outage (503).
 *
 * @throws TypeError with `code` for wrong options
 */
export function storedTokens(lookup: StoredLookup, options: StoredTokensOptions): TokenResolver {
  if (typeof lookup !== 'function') {
    throw optionError('ERR_POP_OPTION_MISSING', 'storedTokens needs a lookup function')
  }
  const own = readOptions('storedTokens', options, ['audience', 'keyMember', 'decryptionKeys'])
  const audience = oneOrMore('storedTokens audience', own.audience)
  const keyMember = readKeyMember('storedTokens', own.keyMember)
  const decrypt = readDecrypt('storedTokens', own.decryptionKeys)

  return markOurs({
    async resolve(token, { sha256, explain }) {
      const hex = Buffer.from(sha256).toString('hex')
      const record = await callOutside(lookup, () => lookup(hex, token))
      if (record === undefined || record === null) {
        explain?.({ member: 'storedTokens', actual: 'no record' })
        return undefined
      }
      if (!isPlainObject(record))
        throw new PopError('ERR_POP_TOKEN_CLAIM_INVALID', { member: 'record' })
      if ((record['active'] ?? true) !== true) throw new PopError('ERR_POP_TOKEN_INACTIVE')
      return seal(readClaims(copyClaims(record), { audience, keyMember, decrypt }))
    },
  })
}
