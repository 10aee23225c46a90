import { PopError, asError, type Evidence } from '../errors.ts'
import { asymmetricAlgorithms } from '../jws/algorithms.ts'
import type { Jwk } from '../keys/jwk.ts'
import { secureUrl } from '../option-readers.ts'
import { fetchKeySet, type Fetching } from './discovery.ts'
import { describeKeys, type KeySet } from './key-set.ts'
import { createWaitingRoom, fetchedKeys, type KeySource } from './key-source.ts'

/** Finds the key that `cnf.jku` and `cnf.kid` of an access token name. */
export type FindJkuKey = (jku: unknown, kid: unknown) => Promise<Jwk>

const mostSources = 100

/**
 * Keys behind URLs (RFC 7800 section 3.5), from these hosts only: `keys.example.com`, or
 * `*.example.com` for every name below it. https (http on loopback, or where allowed), no redirects, 256 KiB, 2
 * seconds. A `kid` names a key of the set; without one the set must have a single key.
 *
 * @throws PopError: the URL or the key is refused (401), or the set cannot be had (503)
 */
export function createJkuKeys(hosts: readonly string[], fetching: Fetching): FindJkuKey {
  const sources = new Map<string, KeySource>()
  const waitFor = createWaitingRoom()

  function sourceOf(url: URL): KeySource {
    const known = sources.get(url.href)
    if (known !== undefined) return known
    if (sources.size >= mostSources) sources.delete(sources.keys().next().value as string)
    const source = fetchedKeys(() => fetchKeySet(url, asymmetricAlgorithms, fetching), waitFor)
    sources.set(url.href, source)
    return source
  }

  return async function findJkuKey(jku, kid) {
    const url = readUrl(jku, fetching)
    if (!hosts.some((host) => isNamed(url.hostname, host))) {
      throw refused({ member: 'jku', expected: hosts, actual: url.hostname })
    }
    const source = sourceOf(url)
    const known = choose(await fetched(source.current()), kid)
    if (known !== undefined) return known
    const renewed = await fetched(source.renewed())
    const key = choose(renewed, kid)
    if (key !== undefined) return key
    throw refused({ member: 'kid', expected: describeKeys(renewed), actual: kid ?? 'none' })
  }
}

function readUrl(jku: unknown, { allowHttp }: Fetching): URL {
  try {
    return secureUrl('jku', jku, allowHttp)
  } catch (error) {
    throw refused({ member: 'jku', actual: asError(error).message })
  }
}

/** Bounded by a dot, so that `wrongexample.com` is not below `example.com`. */
function isNamed(hostname: string, host: string): boolean {
  return host.startsWith('*.') ? hostname.endsWith(host.slice(1)) : hostname === host
}

/** Keys that cannot be used count too: without them the key of somebody else would be the only one. */
function choose({ keys, leftOut }: KeySet, kid: unknown): Jwk | undefined {
  if (kid === undefined) return keys.length + leftOut.length === 1 ? keys[0] : undefined
  return keys.find((key) => key['kid'] === kid)
}

async function fetched<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw new PopError('ERR_POP_KEY_SOURCE_UNAVAILABLE', asError(error))
  }
}

function refused(evidence: Evidence): PopError {
  return new PopError('ERR_POP_CONFIRMATION_INVALID', evidence)
}
