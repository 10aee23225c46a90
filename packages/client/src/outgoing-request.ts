import type { SignableBody } from './signed-body.ts'

/** The request as `fetch` will send it, known before it does. */
export interface Outgoing {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  /** What the proof covers when it covers the body; not what is sent. */
  readonly body: SignableBody | null | undefined
  /** What is sent: the caller's own, with the method and headers that are signed. */
  readonly init: RequestInit
}

/** Works out what `fetch(input, init)` would send. Reads a `Request`'s body only if it is covered. */
export async function readOutgoing(
  input: string | URL | Request,
  init: RequestInit = {},
  coversBody: boolean,
): Promise<Outgoing> {
  const request = input instanceof Request ? input : new Request(input)
  const method = (init.method ?? request.method).toUpperCase()
  const headers = new Headers(init.headers ?? request.headers)
  addContentType(headers, init.body)
  const redirect = (init.redirect ?? request.redirect) === 'error' ? 'error' : 'manual'
  const body = coversBody ? await coveredBody(request, init.body) : undefined
  return { url: request.url, method, headers, body, init: { ...init, method, redirect } }
}

/** `fetch` derives a type from some bodies; written down here, it can be covered. */
function addContentType(headers: Headers, body: unknown): void {
  if (headers.has('content-type')) return
  if (typeof body !== 'string' && !(body instanceof URLSearchParams) && !(body instanceof Blob))
    return
  const derived = new Response(body).headers.get('content-type')
  if (derived !== null) headers.set('content-type', derived)
}

async function coveredBody(request: Request, body: RequestInit['body']): Promise<SignableBody> {
  // `signBody` refuses what it cannot read.
  if (body !== undefined && body !== null) return body as SignableBody
  return request.clone().arrayBuffer()
}

/** Streams and other iterables are gone once sent. */
export function canSendAgain(body: RequestInit['body']): boolean {
  return (
    body === undefined ||
    body === null ||
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  )
}
