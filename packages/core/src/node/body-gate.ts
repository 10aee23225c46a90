import { IncomingMessage } from 'node:http'
import { PopError } from '../errors.ts'

const deadlineMs = 10_000

/**
 * Holds the body of a request back while it is read, then lets it go on to whatever parser comes
 * next, untouched. Works by taking over `push`, the one door through which Node feeds a request: no
 * listener is added, nothing is flowing, and a parser that starts later sees the whole body.
 */
interface Gate {
  read(limit: number, isUnverified: boolean): Promise<Uint8Array>
  release(): void
  /** Forgets what was held. */
  drop(): void
}

const gates = new WeakMap<IncomingMessage, Gate>()

/** What strangers may make this process hold at a time, over all requests. */
const mostUnverifiedBytes = 16 * 1024 * 1024
let unverifiedBytes = 0

/**
 * A function that reads the raw body (transfer-decoded, not content-decoded) up to a limit, again
 * and again with the same result; undefined when something has read from the request before. It reads
 * no further than asked. With a limit of its own it serves requests that are not verified yet, which
 * together hold 16 MiB at most; more are refused.
 */
export function bodyReader(
  request: IncomingMessage,
  largest: number,
): ((limit?: number) => Promise<Uint8Array>) | undefined {
  if (request.readableDidRead || request.readableFlowing === true) return undefined
  // Somebody wants text: what has arrived is no longer bytes.
  if (request.readableEncoding !== null) return undefined
  return async function readBody(limit) {
    const most = Math.min(limit ?? largest, largest)
    if (Number(request.headers['content-length'] ?? 0) > most)
      throw new PopError('ERR_POP_BODY_TOO_LARGE')
    const gate = gates.get(request) ?? createGate(request)
    gates.set(request, gate)
    return gate.read(most, limit !== undefined)
  }
}

/**
 * Ends the body of a request that is refused because of it: what was held and what still comes is
 * dropped. Express answers an error only when the request has ended, and this one may never.
 */
export function discardBody(request: IncomingMessage): void {
  gates.get(request)?.drop()
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

type BodyFault =
  | 'ERR_POP_BODY_TIMEOUT'
  | 'ERR_POP_BODY_ABORTED'
  | 'ERR_POP_BODY_TOO_LARGE'
  | 'ERR_POP_BODIES_WAITING'

function createGate(request: IncomingMessage): Gate {
  const before = peek(request)
  const held: Uint8Array[] = []
  let size = before.reduce((sum, chunk) => sum + chunk.length, 0)
  // HTTP/2 and requests that a program made push nothing until somebody asks; a socket pushes by itself.
  const isFed = request._read === IncomingMessage.prototype._read
  const isSynthetic = request instanceof IncomingMessage && !isFed
  let ended = request.complete && request.readableLength === size && !isSynthetic
  let endIsHeld = false
  let wanted = 0
  let counted = 0
  let onProgress = (): void => {}

  // Text comes only from requests that a program made.
  request.push = function holdBack(chunk: Uint8Array | string | null): boolean {
    if (chunk === null) {
      endIsHeld = true
      // HTTP/2 ends the body of a request that was aborted, too.
      ended = !request.aborted
    } else {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      hold(held, bytes)
      size += bytes.length
    }
    onProgress()
    // False stops the socket; whoever wants more starts it again.
    return size <= wanted
  }

  function askForMore(isFirst: boolean): void {
    if (isFed) request.socket?.resume()
    else if (isFirst) request.read(0)
    else request._read(wanted)
  }

  function count(bytes: number): void {
    unverifiedBytes += bytes - counted
    counted = bytes
  }

  return {
    read(limit, isUnverified) {
      const isFirst = wanted === 0
      wanted = Math.max(wanted, limit)
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => settle('ERR_POP_BODY_TIMEOUT'), deadlineMs)
        const aborted = (): void => settle('ERR_POP_BODY_ABORTED')
        function settle(code?: BodyFault): void {
          clearTimeout(timer)
          request.off('close', aborted)
          onProgress = () => {}
          if (code === undefined) resolve(Buffer.concat([...before, ...held]))
          else reject(new PopError(code))
        }
        onProgress = () => {
          if (isUnverified) count(size)
          const isCrowded = isUnverified && unverifiedBytes > mostUnverifiedBytes
          if (isCrowded) settle('ERR_POP_BODIES_WAITING')
          else if (size > limit) settle('ERR_POP_BODY_TOO_LARGE')
          else if (ended) settle()
          else if (request.destroyed) aborted()
        }
        request.on('close', aborted)
        onProgress()
        if (!ended && size <= limit) askForMore(isFirst)
      })
    },
    release() {
      count(0)
      Reflect.deleteProperty(request, 'push')
      for (const chunk of held.splice(0)) request.push(chunk)
      if (endIsHeld) request.push(null)
    },
    drop() {
      count(0)
      held.length = 0
    },
  }
}

const smallBytes = 4096

/** Small pieces are joined, because a body that comes octet by octet would take a hundred times its size. */
function hold(held: Uint8Array[], bytes: Uint8Array): void {
  let last = bytes
  let previous = held.at(-1)
  while (previous !== undefined && previous.length <= last.length && previous.length < smallBytes) {
    held.pop()
    last = Buffer.concat([previous, last])
    previous = held.at(-1)
  }
  held.push(last)
}

/** The bytes that arrived before the gate, left where they are: read and put back in one turn. */
function peek(request: IncomingMessage): Uint8Array[] {
  if (request.readableLength === 0) return []
  const buffered = request.read() as Uint8Array | null
  if (buffered === null) return []
  request.unshift(buffered)
  return [buffered]
}
