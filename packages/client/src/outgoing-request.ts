import { checkFieldValue, readMethod } from './http-token.ts'
import type { SignableBody } from './signed-body.ts'
import { checkNoCredential } from './signed-query.ts'

/** The request as `fetch` will send it, known before it does. */
export interface Outgoing {
  /** The caller's own. */
  readonly input: string | URL | Request
  readonly url: string
  readonly method: string
  readonly headers: Headers
  /** What the proof covers when it covers the body; not what is sent. */
  readonly body: SignableBody | null | undefined
  /** Tells when the caller has given up. */
  readonly signal: AbortSignal
  /** The text of the form, when the credential is to travel in it. */
  readonly form: string | undefined
  /** What is sent: the caller's own, with the method and headers that are signed. */
  readonly init: RequestInit
}

/** What a proof needs of the request besides method, URL and headers. */
export interface Needs {
  /** The proof covers the body. */
  readonly body: boolean
  /** The credential travels in the form. */
  readonly form: boolean
  /** The credential travels in the URL. */
  readonly move: boolean
}

/** Works out what `fetch(input, init)` would send. Reads a `Request`'s body only if it is needed. */
export async function readOutgoing(
  input: string | URL | Request,
  init: RequestInit,
  needs: Needs,
): Promise<Outgoing> {
  const request = input instanceof Request ? input : new Request(input)
  const method = readMethod(init.method ?? request.method)
  const headers = new Headers(init.headers ?? request.headers)
  addContentType(headers, init.body)
  for (const [name, value] of headers) checkFieldValue(name, value)
  if (headers.has('dpop')) throw new TypeError('a request with a DPoP header has another proof')
  if (isForm(headers) && isText(init.body)) checkNoCredential(init.body.toString())
  const redirect = (init.redirect ?? request.redirect) === 'error' ? 'error' : 'manual'
  const given = init.body ?? undefined
  // Moved to another URL, a `Request` keeps its body as a stream, which browsers do not send.
  const moves = needs.move && input instanceof Request
  const isNeeded = given === undefined && (needs.body || moves)
  const bytes = isNeeded ? await request.clone().arrayBuffer() : undefined
  return {
    input,
    url: request.url,
    method,
    headers,
    // `signBody` refuses what it cannot read.
    body: needs.body ? ((given ?? bytes) as SignableBody) : undefined,
    form: needs.form ? await readForm(request, given, method, headers) : undefined,
    signal: init.signal ?? request.signal,
    init: {
      ...referrerOf(input),
      ...init,
      ...(moves && bytes !== undefined && bytes.byteLength > 0 && { body: bytes }),
      method,
      redirect,
    },
  }
}

/** Given anything else, `fetch` forgets what a `Request` says of its referrer. */
function referrerOf(input: string | URL | Request): RequestInit {
  if (!(input instanceof Request)) return {}
  const { referrer, referrerPolicy } = input
  return { referrer, referrerPolicy }
}

/** `fetch` derives a type from some bodies; written down here, it can be covered. */
function addContentType(headers: Headers, body: unknown): void {
  if (headers.has('content-type')) return
  if (typeof body !== 'string' && !(body instanceof URLSearchParams) && !(body instanceof Blob))
    return
  const derived = new Response(body).headers.get('content-type')
  if (derived !== null) headers.set('content-type', derived)
}

const formType = 'application/x-www-form-urlencoded'

async function readForm(
  request: Request,
  body: RequestInit['body'],
  method: string,
  headers: Headers,
): Promise<string> {
  if (method === 'GET' || method === 'HEAD')
    throw new TypeError(`a ${method} request has no form that could carry the credential`)
  const text = await formText(request, body)
  if (text === '') headers.set('content-type', formType)
  if (text !== undefined && isForm(headers)) return text
  throw new TypeError('the form that carries the credential must be URLSearchParams or their text')
}

function isForm(headers: Headers): boolean {
  const [type = ''] = (headers.get('content-type') ?? '').split(';')
  return type.trim().toLowerCase() === formType
}

function isText(body: unknown): body is string | URLSearchParams {
  return typeof body === 'string' || body instanceof URLSearchParams
}

async function formText(request: Request, body: RequestInit['body']): Promise<string | undefined> {
  if (body === undefined) return request.clone().text()
  return isText(body) ? body.toString() : undefined
}

/** Streams and other iterables are gone once sent. */
export function canSendAgain({ init: { body } }: Outgoing): boolean {
  return (
    body === undefined ||
    body === null ||
    isText(body) ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  )
}
