import type { ServerResponse } from 'node:http'

/** A name in lower case, and one value or several. */
type Header = readonly [name: string, value: string | readonly string[]]

export function setHeaders(response: ServerResponse, headers: Iterable<Header>): void {
  for (const [name, value] of headers) {
    response.setHeader(name, typeof value === 'string' ? value : [...value])
  }
}

/**
 * Headers of an accepted request stay, whatever follows: Koa clears them for an error. A handler may
 * tighten `Cache-Control` but not loosen it. Both are judged when the headers are written; who has
 * taken over `writeHead` before us writes after us.
 */
export function keepHeaders(response: ServerResponse, headers: readonly Header[]): void {
  if (headers.length === 0 || response.headersSent) return
  setHeaders(response, headers)
  const writeHead = response.writeHead.bind(response) as (...rest: unknown[]) => ServerResponse
  response.writeHead = function writeHeadKeeping(
    this: ServerResponse,
    status: number,
    ...rest: unknown[]
  ) {
    const [reason, own] =
      typeof rest[0] === 'string' ? [rest[0], rest[1]] : [undefined, rest[1] ?? rest[0]]
    mergeHeaders(this, own)
    setHeaders(
      this,
      headers.filter(([name]) => name !== 'cache-control' || !isPrivate(this.getHeader(name))),
    )
    return reason === undefined ? writeHead(status) : writeHead(status, reason)
  } as ServerResponse['writeHead']
}

/** RFC 9111 section 5.2.2: `private` with field names, or beside `public`, keeps no cache away. */
function isPrivate(cacheControl: ReturnType<ServerResponse['getHeader']>): boolean {
  const directives = String(cacheControl)
    .toLowerCase()
    .split(/[\s,]+/)
  if (directives.includes('no-store')) return true
  return directives.includes('private') && !directives.includes('public')
}

/** What `writeHead` does with its headers: an object, or a flat list in which names may repeat. */
function mergeHeaders(response: ServerResponse, headers: unknown): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers ?? {})) {
      response.setHeader(name, value as string | string[])
    }
    return
  }
  const flat = (Array.isArray(headers[0]) ? headers.flat() : headers) as (string | string[])[]
  const names = flat.filter((_, index) => index % 2 === 0) as string[]
  for (const name of names) response.removeHeader(name)
  for (const [index, name] of names.entries())
    response.appendHeader(name, flat[index * 2 + 1] ?? '')
}
