import { connect, type Socket } from 'node:net'
import { quantiles } from '../interleave.ts'

/** What came back for one message. */
export interface Answer {
  /** 0: the connection broke; -1: nothing in time. */
  readonly status: number
  /** Milliseconds; at a rate, from the time at which the message was due. */
  readonly waited: number
  /** When it was sent, on the clock of `performance.now()`. */
  readonly sentAt: number
  readonly retryAfter: boolean
}

/** Sends messages over keep-alive connections, and says what became of each, in their order. */
export interface Client {
  /** As fast as they are answered. */
  readonly send: (messages: Iterable<string>) => Promise<readonly Answer[]>
  /** So many in a second, however long the answers take: with more connections as they are needed. */
  readonly sendAtRate: (
    messages: Iterable<string>,
    perSecond: number,
    seconds: number,
  ) => Promise<readonly Answer[]>
  readonly close: () => void
}

const tickMs = 5

interface Line {
  readonly request: (message: string, dueAt?: number) => Promise<Answer>
  readonly close: () => void
}

/**
 * @param mostConnections how many it may have at a rate
 * @param patienceMs how long it waits for an answer
 */
export function createClient(
  ports: readonly number[],
  connections: number,
  mostConnections = 600,
  patienceMs = 5000,
): Client {
  const lines: Line[] = []
  const idle: Line[] = []
  const most = Math.max(mostConnections, connections)
  const addLine = (): Line => {
    const line = createLine(ports[lines.length % ports.length] as number, patienceMs)
    lines.push(line)
    return line
  }
  while (lines.length < connections) idle.push(addLine())
  /** A line carries one message at a time, whoever sends it. */
  const takeLine = (): Line | undefined =>
    idle.shift() ?? (lines.length < most ? addLine() : undefined)

  return {
    async send(messages) {
      const answers: Answer[] = []
      const queue = numbered(messages)
      const work = async (line: Line | undefined): Promise<void> => {
        if (line === undefined) return
        for (const [index, message] of queue) answers[index] = await line.request(message)
        idle.push(line)
      }
      await Promise.all(Array.from({ length: connections }, () => work(takeLine())))
      return answers
    },
    async sendAtRate(messages, perSecond, seconds) {
      const answers: Answer[] = []
      const underWay: Promise<void>[] = []
      const queue = messages[Symbol.iterator]()
      const start = performance.now()
      const total = Math.round(perSecond * seconds)
      let sent = 0
      while (sent < total) {
        const due = Math.min(total, Math.ceil(((performance.now() - start) * perSecond) / 1000))
        for (; sent < due; sent += 1) {
          const line = takeLine()
          if (line === undefined) break
          const { value: message, done } = queue.next()
          if (done === true) throw new Error('the pool of messages has run dry')
          const index = sent
          const dueAt = start + (index * 1000) / perSecond
          const request = async (): Promise<void> => {
            answers[index] = await line.request(message, dueAt)
            idle.push(line)
          }
          underWay.push(request())
        }
        await new Promise((resolve) => setTimeout(resolve, tickMs))
      }
      await Promise.all(underWay)
      return answers
    },
    close() {
      for (const line of lines) line.close()
    },
  }
}

function* numbered(messages: Iterable<string>): Generator<readonly [number, string]> {
  let index = 0
  for (const message of messages) yield [index++, message]
}

function createLine(port: number, patienceMs: number): Line {
  let socket: Socket | undefined
  let received = ''
  let settle: ((status: number) => void) | undefined

  function open(): Socket {
    received = ''
    const opened = connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1')
    opened.on('error', () => {})
    opened.on('close', () => {
      if (socket !== opened) return
      socket = undefined
      settle?.(0)
    })
    opened.on('data', (text: string) => {
      received += text
      if (isComplete(received)) settle?.(Number(received.slice(9, 12)))
    })
    return opened
  }

  return {
    request: (message, dueAt = performance.now()) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => settle?.(-1), patienceMs)
        const sentAt = performance.now()
        settle = (status) => {
          settle = undefined
          clearTimeout(timer)
          const head = received.slice(0, received.indexOf('\r\n\r\n') + 2).toLowerCase()
          received = ''
          if (status < 0 || head.includes('\r\nconnection: close\r\n')) {
            const old = socket
            socket = undefined
            old?.destroy()
          }
          const waited = performance.now() - dueAt
          resolve({ status, waited, sentAt, retryAfter: head.includes('\r\nretry-after: ') })
        }
        socket ??= open()
        socket.write(message, 'latin1')
      }),
    close: () => socket?.destroy(),
  }
}

function isComplete(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return false
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1]
  if (length !== undefined) return text.length >= end + 4 + Number(length)
  return !/\r\ntransfer-encoding: *chunked/i.test(text.slice(0, end)) || text.endsWith('0\r\n\r\n')
}

export function countOf(answers: readonly Answer[], ...statuses: readonly number[]): number {
  return answers.filter(({ status }) => statuses.includes(status)).length
}

/** How many of each status, for people. */
export function tally(answers: readonly Answer[]): string {
  const counts = new Map<number, number>()
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1)
  const name = (status: number): string =>
    status === 0 ? 'broken' : status < 0 ? 'hung' : String(status)
  return [...counts].map(([status, count]) => `${count} x ${name(status)}`).join(', ') || 'nothing'
}

export function quantileOf(answers: readonly Answer[], part: number): number {
  return quantiles(
    answers.map(({ waited }) => waited),
    [part],
  )[0] as number
}

export function longestOf(answers: readonly Answer[]): number {
  return answers.reduce((longest, { waited }) => Math.max(longest, waited), 0)
}
