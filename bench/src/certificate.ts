import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, createSecureServer } from 'node:http2'
import { Agent, createServer, request as send } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { mtls, storedTokens, type HttpRequest } from '@oauth-pop/core'
import { createProtection } from '@oauth-pop/core/node'
import { readCertificate, readCertificateKey } from '@oauth-pop/testkit'

const connections = 200
const requests = 1000
const turns = 400
const aimMicroseconds = 1

const audience = 'https://api.example.com'
const ca = readCertificate('ca').cert
const server = { cert: readCertificate('server').cert, key: readCertificateKey('server') }
const client = { cert: readCertificate('alice').cert, key: readCertificateKey('alice'), ca }
const bound = { 'x5t#S256': readCertificate('alice').thumbprint }
const headers = { host: 'api.example.com', authorization: 'Bearer token' }

/** What is done with a request that has arrived; its answer waits for that. */
type Handle = (arrived: HttpRequest) => void | Promise<void>

/** What `mtls()` spends on the certificate of a request: the first of a connection, and each later one. */
export async function benchCertificate(): Promise<void> {
  console.log(
    `\nthumbprint of the client certificate, CPU time in microseconds, median (quartiles)`,
  )
  const tls = { ...server, requestCert: true, rejectUnauthorized: false }
  for (const [name, make, ask] of [
    ['HTTP/1.1', createServer(tls), askHttp1],
    ['HTTP/2', createSecureServer(tls), askHttp2],
  ] as const)
    await measure(name, make, ask)
}

type Ask = (url: string, count: number) => Promise<void>

async function measure(name: string, api: Server, ask: Ask): Promise<void> {
  let handle: Handle = () => {}
  serve(api, (arrived) => handle(arrived))
  api.listen(0, '127.0.0.1')
  await once(api, 'listening')
  const url = `https://127.0.0.1:${(api.address() as AddressInfo).port}`
  const find = mtls().certificateThumbprint as (request: HttpRequest) => string | undefined

  const first: number[] = []
  handle = (arrived) => void first.push(timeOf([arrived], find))
  for (let turn = 0; turn < connections; turn += 1) await ask(url, 1)

  // All at hand at once, and each asked once in a turn, as a server meets them.
  const later: number[] = []
  const all: HttpRequest[] = []
  let release = (): void => {}
  const together = new Promise<void>((resolve) => {
    release = resolve
  })
  handle = (arrived) => {
    if (all.push(arrived) < requests) return ask === askHttp2 ? together : undefined
    for (let turn = 0; turn < turns; turn += 1) later.push(timeOf(all, find))
    release()
    return undefined
  }
  await ask(url, requests)
  api.close()
  console.log(`${name}  first request of a connection  ${quartiles(first)}`)
  console.log(
    `${name}  every other request            ${quartiles(later)}   aim ${aimMicroseconds}`,
  )
}

/** Microseconds of CPU time for each. */
function timeOf(all: readonly HttpRequest[], find: (request: HttpRequest) => unknown): number {
  const before = process.cpuUsage()
  let found = 0
  for (const request of all) if (find(request) === bound['x5t#S256']) found += 1
  const { user, system } = process.cpuUsage(before)
  if (found !== all.length) throw new Error(`${found} of ${all.length} certificates found`)
  return (user + system) / all.length
}

/** An API that verifies, and shows each request as the adapters hand it to the verifier. */
function serve(api: Server, show: Handle): void {
  let shown: ReturnType<Handle>
  const certificate = (arrived: HttpRequest): Uint8Array | undefined => {
    shown = show(arrived)
    return arrived.peer?.().certificate
  }
  const protection = createProtection({
    publicUrl: audience,
    tokens: storedTokens(() => ({ aud: audience, cnf: bound }), { audience }),
    schemes: [mtls({ certificate })],
  })
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    await protection.verify(request, response, { target: '/', origin: () => audience })
    await shown
    response.end()
  }
  api.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void answer(request, response)
  })
}

async function askHttp1(url: string, count: number): Promise<void> {
  const agent = new Agent({ ...client, keepAlive: true, maxSockets: 1, maxCachedSessions: 0 })
  for (let sent = 0; sent < count; sent += 1) {
    const [response] = (await once(send(url, { agent, headers }).end(), 'response')) as [
      IncomingMessage,
    ]
    await once(response.resume(), 'end')
  }
  agent.destroy()
}

/** All at once: what has been answered has no connection any more. */
async function askHttp2(url: string, count: number): Promise<void> {
  const session = connect(url, client)
  const { host, ...more } = headers
  const sent = Array.from({ length: count }, async () => {
    const stream = session.request({ ':authority': host, ...more })
    await once(stream, 'response')
    await once(stream.resume(), 'end')
  })
  await Promise.all(sent)
  session.close()
}

function quartiles(figures: readonly number[]): string {
  const sorted = figures.toSorted((left, right) => left - right)
  const [low, middle, high] = [0.25, 0.5, 0.75].map((part) =>
    sorted[Math.floor(sorted.length * part)]?.toFixed(2),
  )
  return `${middle} (${low} to ${high})`
}
