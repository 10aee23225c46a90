import { isDefaultPort, type Location } from '../location.ts'

const hostWithPort = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?$/

/**
 * `u`, draft-ietf-oauth-signed-http-request section 3: the host with an optional port. Without a
 * port it names the host on any port, as clients of Microsoft's write it.
 */
export function matchesHost(claim: string, location: Location): boolean {
  const [, host, port] = hostWithPort.exec(asciiLowerCase(claim)) ?? []
  if (host !== location.host) return false
  return port === undefined || Number(port) === location.port
}

/** The spelling of `u` that would have matched, for the mismatch event. */
export function expectedHost(location: Location): string {
  return isDefaultPort(location) ? location.host : `${location.host}:${location.port}`
}

/** Unicode case rules map other characters onto ASCII letters, like U+212A onto `k`. */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
