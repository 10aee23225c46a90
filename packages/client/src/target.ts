import { checkNoCredential } from './signed-query.ts'

/** The parts of a URL as they travel: nothing decoded. */
export interface Target {
  /** Lower-case, with the port where it is not the default one. */
  readonly host: string
  /** Percent-encoded; `/` where the URL has none. */
  readonly path: string
  /** Without the `?`; empty where the URL has none. */
  readonly query: string
}

const hostWithPort = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9]\d*)?$/

/**
 * Splits an absolute http or https URL in the form that `fetch` and `node:http` send it.
 *
 * @throws TypeError for anything else, and for what no server takes: a host of other characters than
 * names have, a backslash in the query, a credential that is there already
 */
export function readTarget(url: string | URL): Target {
  const { host, pathname, search } = readUrl(url)
  // `fetch` sends it as it is, and servers and URL parsers disagree on what it means.
  if (search.includes('\\')) throw new TypeError('url has a backslash in its query: write %5C')
  checkNoCredential(search.slice(1))
  return { host, path: pathname, query: search.slice(1) }
}

/**
 * The URL as `htu` names it: without query and fragment (RFC 9449 section 4.2), and without a user.
 *
 * @throws TypeError for what is no absolute http or https URL, a host that no server takes, and a
 * percent sign in the path that begins no escape, with which it is no URI (RFC 3986 section 2.1)
 */
export function targetUri(url: string | URL): string {
  const { origin, pathname } = readUrl(url)
  if (/%(?![\da-f]{2})/i.test(pathname))
    throw new TypeError('url has a percent sign in its path that begins no escape: write %25')
  return `${origin}${pathname}`
}

function readUrl(url: string | URL): URL {
  if (!URL.canParse(String(url))) throw new TypeError('url must be an absolute URL')
  const parsed = new URL(url)
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:')
    throw new TypeError('url must be http or https')
  if (!hostWithPort.test(parsed.host)) throw new TypeError('url has a host that no server takes')
  return parsed
}
