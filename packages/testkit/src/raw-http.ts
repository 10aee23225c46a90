import { connect } from 'node:net'
import type { Duplex } from 'node:stream'

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
  return exchange(port, [encodeRequest(request)], request.method === 'HEAD')
}

/** Sends one request in pieces of some bytes, each in a turn and a packet of its own. */
export function sendInPieces(
  port: number,
  request: RawRequest,
  pieceBytes: number,
): Promise<RawResponse> {
  const bytes = encodeRequest(request)
  const count = Math.ceil(bytes.length / pieceBytes)
  const pieces = Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  )
  return exchange(port, pieces, request.method === 'HEAD')
}

/** Sends one request over a connection that stays open, and reads one response. */
export function sendOver(socket: Duplex, request: RawRequest): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    let text = ''
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      const response = parseResponse(text, request.method === 'HEAD', false)
      if (response !== undefined) settle(() => resolve(response))
    }
    const onClose = (): void =>
      settle(() => reject(new Error('the connection closed without an answer')))
    socket.on('data', onData).once('close', onClose)
    socket.write(encodeRequest(request))

    function settle(then: () => void): void {
      socket.off('data', onData).off('close', onClose)
      then()
    }
  })
}

function exchange(
  port: number,
  pieces: readonly Uint8Array[],
  withoutBody: boolean,
): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => write(pieces))
    const received: Buffer[] = []
    const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), patienceMs)
    const parse = (closed: boolean): RawResponse | undefined =>
      parseResponse(Buffer.concat(received).toString('latin1'), withoutBody, closed)
    socket.on('data', (chunk) => {
      received.push(chunk)
      const response = parse(false)
      if (response !== undefined) finish(() => resolve(response))
    })
    socket.on('error', (error) => finish(() => reject(error)))
    socket.on('close', () => {
      const response = parse(true)
      if (response !== undefined) finish(() => resolve(response))
      else finish(() => reject(new Error('the connection closed without an answer')))
    })

    function write([piece, ...more]: readonly Uint8Array[]): void {
      if (piece === undefined || socket.destroyed) return
      socket.write(piece, () => setImmediate(write, more))
    }

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

/** Undefined until the response is complete. One without a length lasts until the connection closes. */
function parseResponse(
  text: string,
  withoutBody: boolean,
  closed: boolean,
): RawResponse | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  const status = Number(statusLine.split(' ')[1])
  const rest = text.slice(end + 4)
  if (withoutBody || status === 204 || status === 304) return { status, headers, body: '' }
  const find = (wanted: string): string | undefined =>
    headers.find(([name]) => name === wanted)?.[1]
  if (find('transfer-encoding') !== undefined) {
    const complete = rest === '0\r\n\r\n' || rest.endsWith('\r\n0\r\n\r\n')
    return complete ? { status, headers, body: joinChunks(rest) } : undefined
  }
  const length = find('content-length')
  const complete = length === undefined ? closed : rest.length >= Number(length)
  return complete ? { status, headers, body: rest } : undefined
}

function joinChunks(text: string): string {
  const lineEnd = text.indexOf('\r\n')
  const size = Number.parseInt(text.slice(0, lineEnd), 16)
  if (!(size > 0)) return ''
  const start = lineEnd + 2
  return text.slice(start, start + size) + joinChunks(text.slice(start + size + 2))
}
