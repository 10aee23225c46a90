/** The parts of a URL as they travel: nothing decoded. */
export interface Target {
  /** Lower-case, with the port where it is not the default one. */
  readonly host: string
  /** Percent-encoded; `/` where the URL has none. */
  readonly path: string
  /** Without the `?`; empty where the URL has none. */
  readonly query: string
}

/**
 * Splits an absolute http or https URL in the form that `fetch` and `node:http` send it.
 *
 * @throws TypeError for anything else
 */
export function readTarget(url: string | URL): Target {
  if (!URL.canParse(String(url))) throw new TypeError('url must be an absolute URL')
  const { protocol, host, pathname, search } = new URL(url)
  if (protocol !== 'https:' && protocol !== 'http:')
    throw new TypeError('url must be http or https')
  return { host, path: pathname, query: search.slice(1) }
}
