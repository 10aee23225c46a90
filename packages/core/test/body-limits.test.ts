import { memoryReplayStore, type TokenResolver } from '@oauth-pop/core'
import { createProtection, type AdapterOptions } from '@oauth-pop/core/node'
import {
  createHolders,
  listen,
  sendRaw,
  signPop,
  apiUrl,
  type AdapterServer,
} from '@oauth-pop/testkit'
import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'

const { holder, tokens } = createHolders()
const alice = holder()
const mib = 2 ** 20

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface Api extends AdapterServer {
  readonly requests: readonly IncomingMessage[]
}

async function start(options: Partial<AdapterOptions> = {}): Promise<Api> {
  const replay = memoryReplayStore({ restartGuard: 'off' })
  const protection = createProtection({ publicUrl: apiUrl, tokens, replay, ...options })
  const requests: IncomingMessage[] = []
  const server = await listen((request, response) => {
    requests.push(request)
    const view = { target: request.url ?? '', origin: () => apiUrl }
    protection.verify(request, response, view).then(
      () => response.end('in'),
      (error: { status: number; code: string }) => {
        response.statusCode = error.status
        response.end(error.code)
      },
    )
  })
  closing.push(server.close)
  return { ...server, requests }
}

const now = (): number => Math.floor(Date.now() / 1000)
const headOf = (...lines: readonly string[]): string =>
  [
    'POST /items HTTP/1.1',
    'Host: api.example.com',
    'Content-Type: application/x-www-form-urlencoded',
    'Transfer-Encoding: chunked',
    ...lines,
    '\r\n',
  ].join('\r\n')
const chunkOf = (length: number): string => `${length.toString(16)}\r\n${'a'.repeat(length)}\r\n`

function open(port: number, text: string): Socket {
  const socket = connect(port, '127.0.0.1', () => socket.write(text)).on('error', () => {})
  closing.push(() => socket.destroy())
  return socket
}

async function answerOf(socket: Socket): Promise<string> {
  let text = ''
  for await (const bytes of socket) {
    text += String(bytes)
    if (text.includes('\r\n\r\n')) break
  }
  return text
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await setImmediate()
}

test(
  'a form beside a credential is read no further than it is searched, while the token is looked up',
  { tags: ['rule-body-read-no-further'] },
  async () => {
    let isAsked = false
    const hanging: TokenResolver = {
      resolve() {
        isAsked = true
        return new Promise(() => {})
      },
    }
    const api = await start({ tokens: hanging, maxBodyBytes: 4 * mib })
    const credential = `Authorization: PoP ${signPop(alice, now(), { m: 'POST' })}`
    open(api.port, headOf(credential) + chunkOf(2 ** 16).repeat(64))
    await until(() => isAsked)
    for (let turn = 0; turn < 500; turn += 1) await setImmediate()
    // What is searched, a piece more, and what the socket had taken when it was stopped.
    expect(api.requests[0]?.socket.bytesRead).toBeLessThan(mib / 2)
  },
)

test(
  'unfinished forms of strangers take 16 MiB together, and are forgotten when they go',
  { timeout: 30_000, tags: ['rule-bodies-together', 'answer-bodies-waiting'] },
  async () => {
    const api = await start()
    const unfinished = headOf() + chunkOf(60 * 1024)
    const sockets: Socket[] = []
    const refusals: Promise<string>[] = []
    // 270 of them are 15.8 MiB.
    for (let count = 0; count < 300; count += 1) {
      const socket = open(api.port, unfinished)
      sockets.push(socket)
      refusals.push(answerOf(socket))
    }
    const refused = await Promise.race(refusals)
    expect(refused).toMatch(/^HTTP\/1\.1 503 /)
    expect(refused.toLowerCase()).toMatch(/retry-after: 1\r\n/)
    expect(refused.toLowerCase()).toMatch(/connection: close\r\n/)
    await until(() => api.requests.length === 300)
    for (const socket of sockets) socket.destroy()
    await until(() => api.requests.every(({ destroyed }) => destroyed))
    const form = `pop_access_token=${signPop(alice, now(), { m: 'POST' })}`
    const good = await sendRaw(api.port, {
      method: 'POST',
      target: '/items',
      headers: [
        ['Host', 'api.example.com'],
        ['Content-Type', 'application/x-www-form-urlencoded'],
      ],
      body: Buffer.from(form),
    })
    expect([good.status, good.body]).toEqual([200, 'in'])
  },
)

test(
  'requests with a body of known length that is too long to search are not held at all',
  { tags: ['rule-body-read-no-further'] },
  async () => {
    const api = await start()
    const head = headOf(`Authorization: PoP ${signPop(alice, now(), { m: 'POST' })}`)
    const known = head.replace('Transfer-Encoding: chunked', `Content-Length: ${mib}`)
    expect(await answerOf(open(api.port, known))).toMatch(/^HTTP\/1\.1 200 /)
  },
)

test(
  'a request with as many header lines as the server takes is refused',
  { tags: ['answer-headers-cut'] },
  async () => {
    const api = await start()
    const ask = async (count: number): Promise<string> => {
      const lines = [
        `Authorization: PoP ${signPop(alice, now())}`,
        ...Array.from({ length: count - 3 }, () => 'a: 1'),
      ]
      const head = [
        'GET /items HTTP/1.1',
        'Host: api.example.com',
        ...lines,
        'Connection: close',
        '\r\n',
      ]
      return answerOf(open(api.port, head.join('\r\n')))
    }
    expect(await ask(900)).toMatch(/^HTTP\/1\.1 200 /)
    // Node 24 refuses it by itself.
    expect(await ask(1200)).toMatch(/^HTTP\/1\.1 (400|431) /)
  },
)
