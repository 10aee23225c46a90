import { IssuerError } from './errors.ts'

const mostBytes = 64 * 1024
/** RFC 8707 section 2 and RFC 8693 section 2.1 let these come more than once. */
const repeatable = ['resource', 'audience']

/**
 * Reads the form of a request. A parameter without a value counts as absent, and one that comes
 * twice refuses the request (RFC 6749 section 3.2).
 *
 * @throws IssuerError `invalid_request`
 */
export async function readForm(request: Request): Promise<URLSearchParams> {
  const [type = ''] = (request.headers.get('content-type') ?? '').split(';')
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded') {
    throw new IssuerError('invalid_request', 'The request must be a form')
  }
  const present = [...new URLSearchParams(await readText(request))].filter(
    ([, value]) => value !== '',
  )
  const once = present.map(([name]) => name).filter((name) => !repeatable.includes(name))
  if (new Set(once).size !== once.length) {
    throw new IssuerError('invalid_request', 'A parameter of the request is repeated')
  }
  return new URLSearchParams(present)
}

async function readText(request: Request): Promise<string> {
  const chunks: Uint8Array[] = []
  const body: AsyncIterable<Uint8Array> | null = request.body
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > mostBytes) throw new IssuerError('invalid_request', 'The request is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
