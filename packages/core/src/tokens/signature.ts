import type { KeyObject } from 'node:crypto'
import { compactVerify, errors } from 'jose'
import { asError, PopError, type Evidence } from '../errors.ts'
import type { AlgorithmName } from '../jws/algorithms.ts'
import type { CompactJws } from '../jws/compact.ts'
import { describeKeys, type KeySet } from './key-set.ts'
import type { KeySource } from './key-source.ts'

export interface SignatureRules {
  readonly algorithms: readonly AlgorithmName[]
  readonly audience: readonly string[]
}

const mostKeysTried = 4

/**
 * Resolves to the keys that verified the token. Looks for new ones once when none fits. Where several
 * keys fit, at most 4 are tried.
 *
 * @throws PopError: a bad signature (401), or keys that cannot be had (503)
 */
export async function checkSignature(
  jws: string,
  token: CompactJws,
  source: KeySource,
  rules: SignatureRules,
): Promise<KeySet> {
  const { alg, kid } = token.header as { alg?: unknown; kid?: unknown }
  const algorithm = rules.algorithms.find((name) => name === alg)
  if (algorithm === undefined) {
    throw badSignature(token, rules, { member: 'alg', expected: rules.algorithms, actual: alg })
  }
  const known = await orOutage(source.current())
  const isKnown = known.find(algorithm, kid).length > 0
  const keys = isKnown ? known : await orOutage(source.renewed())
  const found = keys.find(algorithm, kid)
  if (found.length === 0) {
    const expected = describeKeys(keys)
    throw badSignature(token, rules, { member: 'kid', expected, actual: kid ?? 'none' })
  }
  const fault = await tryKeys(jws, algorithm, found.slice(0, mostKeysTried))
  if (fault === undefined) return keys
  const tried = `${Math.min(found.length, mostKeysTried)} of ${found.length} keys tried`
  throw badSignature(
    token,
    rules,
    found.length === 1 ? fault : { member: 'signature', actual: tried },
  )
}

/** Undefined when one of the keys verifies the token, else the fault of the last. */
async function tryKeys(
  jws: string,
  algorithm: AlgorithmName,
  keys: readonly KeyObject[],
): Promise<Error | undefined> {
  let fault: Error | undefined
  for (const key of keys) {
    try {
      await compactVerify(jws, key, { algorithms: [algorithm] })
      return undefined
    } catch (error) {
      if (!isTokenFault(error)) {
        throw new PopError('ERR_POP_TOKEN_SOURCE_UNAVAILABLE', asError(error))
      }
      fault = error
    }
  }
  return fault
}

async function orOutage(keys: Promise<KeySet>): Promise<KeySet> {
  try {
    return await keys
  } catch (error) {
    throw new PopError('ERR_POP_TOKEN_SOURCE_UNAVAILABLE', asError(error))
  }
}

/** A token for another API, such as Microsoft Graph, may be signed in a way that only that API can verify. */
function badSignature(
  { payload }: CompactJws,
  { audience }: SignatureRules,
  evidence: Evidence | Error,
): PopError {
  const { aud } = payload as { aud?: unknown }
  const isOurs = [aud].flat().some((name) => audience.includes(name as string))
  return new PopError(
    'ERR_POP_TOKEN_SIGNATURE_INVALID',
    isOurs ? evidence : { member: 'aud', expected: audience, actual: aud },
  )
}

/** What jose reports about the token; everything else it throws is about the key source. */
const tokenFaults = new Set([
  'ERR_JWS_INVALID',
  'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  'ERR_JOSE_ALG_NOT_ALLOWED',
  'ERR_JOSE_NOT_SUPPORTED',
])

function isTokenFault(error: unknown): error is errors.JOSEError {
  return error instanceof errors.JOSEError && tokenFaults.has(error.code)
}
