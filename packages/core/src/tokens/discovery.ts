import {
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  processDiscoveryResponse,
} from 'oauth4webapi'
import { parseStrictObject } from '../jws/strict-json.ts'
import { secureUrl } from '../option-readers.ts'
import { limitedFetch } from './limited-fetch.ts'

const ask = limitedFetch({ milliseconds: 2000, bytes: 256 * 1024 })

/** Fetches a JSON object: status 200, no redirect, at most 256 KiB, within 2 seconds. */
export async function fetchObject(url: URL): Promise<Record<string, unknown>> {
  const response = await ask(url, { headers: { accept: 'application/json' } })
  if (response.status !== 200) throw new Error(`${url.origin} answered ${response.status}`)
  const answer = parseStrictObject(Buffer.from(await response.arrayBuffer()))
  if (answer === undefined) throw new Error(`${url.origin} did not answer with a JSON object`)
  return answer
}

/**
 * Where an issuer keeps its keys: authorization server metadata (RFC 8414), else OpenID Connect
 * discovery. The metadata must name this issuer; its `jwks_uri` must be https, or http on loopback.
 */
export async function discoverKeySetUrl(issuer: URL): Promise<URL> {
  for (const algorithm of ['oauth2', 'oidc'] as const) {
    const response = await discoveryRequest(issuer, {
      algorithm,
      [customFetch]: (url, init) => ask(url, init as unknown as RequestInit),
      [allowInsecureRequests]: issuer.protocol === 'http:',
    })
    if (response.status !== 200) continue
    const { jwks_uri: url } = await processDiscoveryResponse(issuer, response)
    return secureUrl(`jwks_uri of ${issuer.href}`, url)
  }
  throw new Error(`${issuer.href} has no metadata`)
}
