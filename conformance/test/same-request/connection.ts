import { connect, type Socket } from 'node:net'

/** Status 0: the connection closed without an answer. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** A connection that stays open, for one request after the other. */
export interface Connection {
  send(bytes: Uint8Array): Promise<Answer>
  close(): void
}

const patienceMs = 15_000

export function openConnection(port: number): Connection {
  let socket: Socket | undefined
  let received = Buffer.alloc(0)
  let settle: ((answer: Answer) => void) | undefined

  function open(): Socket {
    const opened = connect({ port, host: '127.0.0.1', noDelay: true })
    received = Buffer.alloc(0)
    opened.on('data', (chunk) => {
      if (opened !== socket) return
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      finish(opened, false)
    })
    // The answer to a request that could not be read may come while it is still being written.
    opened.on('error', () => {})
    opened.on('close', () => finish(opened, true))
    opened.setTimeout(patienceMs, () => opened.destroy())
    return opened
  }

  function finish(from: Socket, closed: boolean): void {
    if (from !== socket) return
    const answer = readAnswer(received, closed)
    if (answer === undefined) return
    if (closed || answer.closes) {
      socket = undefined
      from.destroy()
    }
    received = Buffer.alloc(0)
    settle?.(answer)
    settle = undefined
  }

  return {
    send(bytes) {
      return new Promise((resolve) => {
        settle = resolve
        socket ??= open()
        socket.write(bytes)
      })
    },
    close() {
      const last = socket
      socket = undefined
      last?.destroy()
    },
  }
}

/** Undefined until the response is complete. Chunks stay as they are: no handler here answers in them. */
function readAnswer(
  bytes: Buffer,
  closed: boolean,
): (Answer & { readonly closes: boolean }) | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return closed ? { status: 0, body: '', closes: true } : undefined
  const head = bytes.toString('latin1', 0, end).toLowerCase()
  const status = Number(head.slice(9, 12))
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1]
  const rest = bytes.subarray(end + 4)
  const isChunked = head.includes('\r\ntransfer-encoding: chunked')
  const closes = (length === undefined && !isChunked) || head.includes('\r\nconnection: close')
  const ended = isChunked ? rest.toString('latin1').endsWith('0\r\n\r\n') : closed
  const complete = length === undefined ? ended : rest.length >= Number(length)
  return complete || closed ? { status, body: rest.toString(), closes } : undefined
}
