import { IncomingMessage } from 'node:http'
import { PopError } from '../errors.ts'

const deadlineMs = 10_000

/**
 * Holds the body of a request back while it is read, then lets it go on to whatever parser comes
 * next, untouched. Works by taking over `push`, the one door through which Node feeds a request: no
 * listener is added, nothing is flowing, and a parser that starts later sees the whole body.
 */
interface Gate {
  read(limit: number): Promise<Uint8Array>
  release(): void
}

const gates = new WeakMap<IncomingMessage, Gate>()

/**
 * A function that reads the raw body (transfer-decoded, not content-decoded) up to a limit, again
 * and again with the same result; undefined when something has read from the request before.
 */
export function bodyReader(
  request: IncomingMessage,
  largest: number,
): ((limit?: number) => Promise<Uint8Array>) | undefined {
  if (request.readableDidRead || request.readableFlowing === true) return undefined
  // Somebody wants text: what has arrived is no longer bytes.
  if (request.readableEncoding !== null) return undefined
  return async function readBody(limit = largest) {
    const most = Math.min(limit, largest)
    if (Number(request.headers['content-length'] ?? 0) > most)
      throw new PopError('ERR_POP_BODY_TOO_LARGE')
    const gate = gates.get(request) ?? createGate(request, largest)
    gates.set(request, gate)
    return gate.read(most)
  }
}

/**
 * Ends the body of a request that is refused because of it: what was held and what still comes is
 * dropped. Express answers an error only when the request has ended, and this one may never.
 */
export function discardBody(request: IncomingMessage): void {
  gates.delete(request)
  Reflect.deleteProperty(request, 'push')
  if (!request.destroyed) request.push(null)
  request.push = () => true
}

/** Lets a held body go on. Called once verification has ended, either way. */
export function releaseBody(request: IncomingMessage): void {
  gates.get(request)?.release()
  gates.delete(request)
}

function createGate(request: IncomingMessage, largest: number): Gate {
  const held: (Uint8Array | null)[] = []
  const chunks: Uint8Array[] = peek(request)
  let size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  // HTTP/2 and requests that a program made push nothing until somebody asks; a socket pushes by itself.
  const isFed = request._read === IncomingMessage.prototype._read
  const isSynthetic = request instanceof IncomingMessage && !isFed
  let ended = request.complete && request.readableLength === size && !isSynthetic
  let onProgress = (): void => {}

  // Text comes only from requests that a program made.
  request.push = function holdBack(chunk: Uint8Array | string | null): boolean {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    held.push(bytes)
    // HTTP/2 ends the body of a request that was aborted, too.
    if (bytes === null) ended = !request.aborted
    else {
      chunks.push(bytes)
      size += bytes.length
    }
    onProgress()
    // False stops the socket; whoever reads the released body starts it again.
    return size <= largest
  }

  return {
    read(limit) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => settle('ERR_POP_BODY_TIMEOUT'), deadlineMs)
        const aborted = (): void => settle('ERR_POP_BODY_ABORTED')
        function settle(
          code?: 'ERR_POP_BODY_TIMEOUT' | 'ERR_POP_BODY_ABORTED' | 'ERR_POP_BODY_TOO_LARGE',
        ): void {
          clearTimeout(timer)
          request.off('close', aborted)
          onProgress = () => {}
          if (code === undefined) resolve(Buffer.concat(chunks))
          else reject(new PopError(code))
        }
        onProgress = () => {
          if (size > limit) settle('ERR_POP_BODY_TOO_LARGE')
          else if (ended) settle()
          else if (request.destroyed) aborted()
        }
        request.on('close', aborted)
        onProgress()
        if (!isFed) request.read(0)
      })
    },
    release() {
      Reflect.deleteProperty(request, 'push')
      for (const chunk of held.splice(0)) request.push(chunk)
    },
  }
}

/** The bytes that arrived before the gate, left where they are: read and put back in one turn. */
function peek(request: IncomingMessage): Uint8Array[] {
  if (request.readableLength === 0) return []
  const buffered = request.read() as Uint8Array | null
  if (buffered === null) return []
  request.unshift(buffered)
  return [buffered]
}
