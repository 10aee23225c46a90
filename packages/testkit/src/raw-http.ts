import { connect } from 'node:net'

/** A response as it came over the wire. */
export interface RawResponse {
  readonly status: number
  /** Lower-case names, in order, duplicates kept. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

export interface RawRequest {
  readonly method: string
  readonly target: string
  /** Each character is one octet. Nothing is added but what `body` needs. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body?: Uint8Array | undefined
  /** Send the body in chunks of this many bytes, with chunked transfer coding. */
  readonly chunkBytes?: number
  /** Leave the body unfinished. */
  readonly truncate?: true
}

const patienceMs = 15_000

/**
 * Sends one request byte by byte and reads one response. No HTTP client stands in between that
 * could merge, reorder, normalise or refuse anything.
 */
export function sendRaw(port: number, request: RawRequest): Promise<RawResponse> {
  return exchange(port, encodeRequest(request), request.method === 'HEAD')
}

/** Sends bytes as they are; for what is no request at all. */
export function exchange(
  port: number,
  bytes: Uint8Array,
  withoutBody = false,
): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const received: Buffer[] = []
    const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), patienceMs)
    socket.on('data', (chunk) => {
      received.push(chunk)
      const response = parseResponse(Buffer.concat(received).toString('latin1'), withoutBody)
      if (response !== undefined) finish(() => resolve(response))
    })
    socket.on('error', (error) => finish(() => reject(error)))
    socket.on('close', () =>
      finish(() => reject(new Error('the connection closed without an answer'))),
    )

    function finish(settle: () => void): void {
      clearTimeout(timer)
      socket.destroy()
      settle()
    }
  })
}

/** The bytes of a request. */
export function encodeRequest(request: RawRequest): Buffer {
  const { method, target, headers, body, chunkBytes, truncate } = request
  const own = bodyHeaders(request)
  const lines = [...headers, ...own].map(([name, value]) => `${name}: ${value}\r\n`)
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
  if (body === undefined) return head
  if (chunkBytes === undefined) {
    return Buffer.concat([head, truncate ? body.subarray(0, body.length - 1) : body])
  }
  return Buffer.concat([
    head,
    ...chunksOf(body, chunkBytes),
    Buffer.from(truncate ? '' : '0\r\n\r\n'),
  ])
}

function bodyHeaders({
  headers,
  body,
  chunkBytes,
}: RawRequest): readonly (readonly [string, string])[] {
  if (body === undefined || headers.some(([name]) => name.toLowerCase() === 'content-length'))
    return []
  if (chunkBytes !== undefined) return [['Transfer-Encoding', 'chunked']]
  return [['Content-Length', String(body.length)]]
}

function chunksOf(body: Uint8Array, size: number): readonly Buffer[] {
  const chunks: Buffer[] = []
  for (let start = 0; start < body.length; start += size) {
    const chunk = body.subarray(start, start + size)
    chunks.push(
      Buffer.from(`${chunk.length.toString(16)}\r\n`),
      Buffer.from(chunk),
      Buffer.from('\r\n'),
    )
  }
  return chunks
}

/** Undefined until the response is complete. */
function parseResponse(text: string, withoutBody: boolean): RawResponse | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  const rest = text.slice(end + 4)
  const length = Number(headers.find(([name]) => name === 'content-length')?.[1] ?? 0)
  const chunked = headers.some(([name]) => name === 'transfer-encoding')
  const complete = chunked ? rest.endsWith('0\r\n\r\n') : rest.length >= length
  const status = Number(statusLine.split(' ')[1])
  return complete || withoutBody ? { status, headers, body: rest } : undefined
}
