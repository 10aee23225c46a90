import { allowInsecureRequests, customFetch, discoveryRequest } from 'oauth4webapi'
import { publishKeySet } from '../events.ts'
import { innermostOf } from '../fault.ts'
import type { AlgorithmName } from '../jws/algorithms.ts'
import { parseStrictObject } from '../jws/strict-json.ts'
import { secureUrl } from '../option-readers.ts'
import { describeKeys, readKeySet, type KeySet } from './key-set.ts'
import { limitedFetch, placeOf } from './limited-fetch.ts'

/** How servers that publish keys are asked. */
export interface Fetching {
  readonly ask: typeof fetch
  /** Whether a `jwks_uri` beyond loopback may be plain http. */
  readonly allowHttp: boolean
}

/** At most 256 KiB, within 2 seconds, no redirect. */
export function createFetching(ownFetch?: typeof fetch, allowHttp = false): Fetching {
  return { ask: limitedFetch({ milliseconds: 2000, bytes: 256 * 1024 }, ownFetch), allowHttp }
}

/**
 * Fetches a JWK set: status 200, a JSON object, with a key for one of the algorithms.
 *
 * @throws Error that names the URL, and each key that is left out with the reason
 */
export async function fetchKeySet(
  url: URL,
  algorithms: readonly AlgorithmName[],
  { ask }: Fetching,
): Promise<KeySet> {
  const response = await ask(url, { headers: { accept: 'application/json' } })
  const set = readKeySet(await readObject(response, placeOf(url)), algorithms)
  if (set === undefined) throw new Error(`${placeOf(url)} is no JWK set`)
  publishKeySet({ source: placeOf(url), used: set.keys.length, leftOut: set.leftOut })
  if (set.keys.length === 0) {
    throw new Error(`${placeOf(url)} has no usable key: ${describeKeys(set)}`)
  }
  return set
}

async function readObject(response: Response, place: string): Promise<Record<string, unknown>> {
  if (response.status !== 200) throw new Error(`${place} answered ${response.status}`)
  const answer = parseStrictObject(Buffer.from(await response.arrayBuffer()))
  if (answer === undefined) throw new Error(`${place} did not answer with a JSON object`)
  return answer
}

/**
 * Where an issuer keeps its keys: authorization server metadata (RFC 8414), else OpenID Connect
 * discovery. Whatever cannot be used leads to the next. The metadata must name this issuer; its
 * `jwks_uri` must be https, or http on loopback.
 *
 * @throws Error that names each URL and what was wrong with it
 */
export async function discoverKeySetUrl(issuer: URL, fetching: Fetching): Promise<URL> {
  const faults: unknown[] = []
  for (const algorithm of ['oauth2', 'oidc'] as const) {
    try {
      return await readMetadata(issuer, algorithm, fetching)
    } catch (error) {
      faults.push(error)
    }
  }
  const reasons = faults.map((fault) => (fault instanceof Error ? fault.message : 'no Error'))
  const code = faults.map((fault) => innermostOf(fault).code).find((found) => found !== undefined)
  const error = new Error(`${issuer.href} has no usable metadata: ${reasons.join('; ')}`)
  throw Object.assign(error, code && { code })
}

async function readMetadata(
  issuer: URL,
  algorithm: 'oauth2' | 'oidc',
  { ask, allowHttp }: Fetching,
): Promise<URL> {
  let place = ''
  const response = await discoveryRequest(issuer, {
    algorithm,
    [customFetch](url, init) {
      place = placeOf(url)
      return ask(url, init as unknown as RequestInit)
    },
    [allowInsecureRequests]: issuer.protocol === 'http:',
  })
  const { issuer: named, jwks_uri: url } = await readObject(response, place)
  // RFC 8414 section 3.3: else one issuer could speak for another.
  if (typeof named !== 'string' || !isSameUrl(named, issuer)) {
    const shown = typeof named === 'string' ? JSON.stringify(named.slice(0, 256)) : 'none'
    throw new Error(`${place} names another issuer: ${shown}`)
  }
  return secureUrl(`jwks_uri in ${place}`, url, allowHttp)
}

function isSameUrl(text: string, url: URL): boolean {
  return URL.canParse(text) && new URL(text).href === url.href
}
