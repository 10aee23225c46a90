import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen } from './server.ts'

/** How a server that others depend on can answer, or fail to. */
export type Fault =
  | 'reset'
  | 'hang'
  | 'late'
  | 'drip'
  | 'huge'
  | 'html'
  | 'redirect'
  | 'empty'
  | `status ${number}`

/** Later than callers of this project wait. */
const lateMs = 2200

type Answer = Fault | Readonly<Record<string, unknown>>

export interface FaultServer {
  readonly url: string
  /** Answers from now on; an object is sent as JSON, with status 200 unless another is given. */
  readonly answer: (next: Answer, status?: number) => void
  readonly answerByPath: (next: (path: string) => Answer) => void
  /** The paths that were asked for. */
  readonly asked: string[]
  /** How many questions were open at the same time, at most. */
  mostAtOnce: number
  readonly close: () => Promise<void>
}

/** A server whose faults a test chooses. */
export async function startFaultServer(): Promise<FaultServer> {
  let current = (_path: string): Answer => 'status 404'
  let currentStatus = 200
  const asked: string[] = []
  const open = new Set<ServerResponse>()
  let mostAtOnce = 0
  const { port, close } = await listen((request, response) => {
    asked.push(request.url ?? '')
    open.add(response)
    response.on('close', () => open.delete(response))
    mostAtOnce = Math.max(mostAtOnce, open.size)
    const next = current(request.url ?? '')
    if (typeof next === 'object') sendJson(response, next, currentStatus)
    else fail(next, request, response)
  })
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    close,
    get mostAtOnce() {
      return mostAtOnce
    },
    set mostAtOnce(count) {
      mostAtOnce = count
    },
    answer(next, status = 200) {
      current = () => next
      currentStatus = status
    },
    answerByPath(next) {
      current = next
    },
  }
}

function sendJson(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function fail(fault: Fault, request: IncomingMessage, response: ServerResponse): void {
  if (fault === 'reset') request.socket.resetAndDestroy()
  else if (fault === 'late') setTimeout(() => response.writeHead(200).end('{}'), lateMs)
  else if (fault === 'drip') drip(response)
  else if (fault === 'huge') flood(response)
  else if (fault === 'html') response.setHeader('content-type', 'text/html').end('<h1>Sorry</h1>')
  else if (fault === 'redirect') response.writeHead(302, { location: '/elsewhere' }).end()
  else if (fault === 'empty') sendJson(response, {})
  else if (fault !== 'hang') response.writeHead(Number(fault.slice('status '.length))).end()
}

/** A byte now and then, for ever. */
function drip(response: ServerResponse): void {
  response.setHeader('content-type', 'application/json').write('{')
  const timer = setInterval(() => response.write(' '), 50)
  response.on('close', () => clearInterval(timer))
}

/** 300 MB, as fast as they are taken. */
function flood(response: ServerResponse): void {
  const chunk = Buffer.alloc(1024 * 1024, 0x20)
  let left = 300
  response.setHeader('content-type', 'application/json')
  const push = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= 1
      if (!response.write(chunk)) return void response.once('drain', push)
    }
    response.end()
  }
  push()
}
