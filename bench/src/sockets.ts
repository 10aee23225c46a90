import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { ask } from './child.ts'
import { hostileHosts, startHostileServer, type Figures, type HostileHost } from './hostile.ts'

const count = 1000
const aimMiB = 64
/** More than an adapter reads of any body. */
const chunksEach = 24
const chunk = Buffer.concat([
  Buffer.from('10000\r\n'),
  Buffer.alloc(2 ** 16, 'a'),
  Buffer.from('\r\n'),
])
const turnMs = 500
/** Less than the ten seconds that an adapter waits for a body. */
const turns = 17
const mib = 2 ** 20

/** What sockets hold that each send a made-up credential and a form without end, while it is looked up. */
export async function benchSockets(): Promise<void> {
  console.log(`\nmemory for ${count} sockets before authentication, MiB above idle, aim ${aimMiB}`)
  for (const host of hostileHosts.filter((name) => !name.endsWith('HTTP/2'))) await measure(host)
}

async function measure(host: HostileHost): Promise<void> {
  const { child, ready } = await startHostileServer(host, 'https://api.example.com', 'weigh')
  const warm = await open(ready.adapter, 1)
  await setTimeout(200)
  for (const socket of warm) socket.destroy()
  const idle = await ask<Figures>(child, 'figures')
  const sockets = await open(ready.adapter, count)
  const held = await most(child)
  const alive = sockets.filter(({ destroyed }) => !destroyed).length
  const above = (held.held - idle.held) / mib
  console.log(
    `${host}  ${above.toFixed(0)} held, resident set ${((held.rss - idle.rss) / mib).toFixed(0)}, ${alive} sockets open  ${above <= aimMiB ? 'met' : 'missed'}`,
  )
  for (const socket of sockets) socket.destroy()
  child.disconnect()
}

/** What it holds when it holds most, while the sockets go on sending. */
async function most(child: ChildProcess): Promise<Figures> {
  let peak = await ask<Figures>(child, 'figures')
  for (let turn = 0; turn < turns; turn += 1) {
    await setTimeout(turnMs)
    const now = await ask<Figures>(child, 'figures')
    if (now.held > peak.held) peak = now
  }
  return peak
}

async function open(port: number, howMany: number): Promise<readonly Socket[]> {
  const head = Buffer.from(
    [
      'POST /photos/1 HTTP/1.1',
      'Host: api.example.com',
      `Authorization: PoP ${madeUpProof()}`,
      'Content-Type: application/x-www-form-urlencoded',
      'Transfer-Encoding: chunked',
      '\r\n',
    ].join('\r\n'),
  )
  const sockets: Socket[] = []
  for (let index = 0; index < howMany; index += 1) {
    const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {})
    await once(socket, 'connect')
    socket.write(head)
    for (let each = 0; each < chunksEach; each += 1) socket.write(chunk)
    sockets.push(socket)
  }
  return sockets
}

/** Well formed and in time: only the token source and the signature could refuse it. */
function madeUpProof(): string {
  const payload = {
    at: 'made-up',
    ts: Math.floor(Date.now() / 1000),
    m: 'POST',
    u: 'api.example.com',
    p: '/photos/1',
  }
  const segments = [{ typ: 'pop', alg: 'ES256' }, payload].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  return `${segments.join('.')}.${'A'.repeat(86)}`
}
