import { fork } from 'node:child_process'
import { once } from 'node:events'
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { Agent, get } from 'node:http'
import { format, quartiles } from './interleave.ts'

const connections = 20
const requestsPerBlock = 1500
const rounds = 9

interface Measure {
  readonly milliseconds: number
  readonly cpu: number
  readonly p50: number
  readonly p99: number
}

/**
 * Synchronous `node:crypto` against WebCrypto on a server under load: throughput, server CPU time
 * per request, and how long the event loop keeps others waiting. Loopback only, bounded in count.
 */
export async function benchSyncOrAsync(): Promise<void> {
  console.log('\nsynchronous node:crypto over WebCrypto, Express under load, median (quartiles)')
  for (const algorithm of ['ES256', 'RS256'] as const) {
    const child = fork(new URL('./server.ts', import.meta.url), [
      JSON.stringify(createWork(algorithm)),
    ])
    const [port] = (await once(child, 'message')) as [number]
    const agent = new Agent({ keepAlive: true, maxSockets: connections })
    const pairs: (readonly [sync: Measure, webcrypto: Measure])[] = []
    for (let round = -2; round < rounds; round += 1) {
      const paths = round % 2 === 0 ? ['/sync', '/webcrypto'] : ['/webcrypto', '/sync']
      const measured = new Map<string, Measure>()
      for (const path of paths) measured.set(path, await runBlock(port, path, agent))
      if (round >= 0)
        pairs.push([measured.get('/sync') as Measure, measured.get('/webcrypto') as Measure])
    }
    agent.destroy()
    child.kill()
    report(algorithm, pairs)
  }
}

function report(algorithm: string, pairs: readonly (readonly [Measure, Measure])[]): void {
  const ratio = (of: (measure: Measure) => number): string =>
    format(quartiles(pairs.map(([sync, webcrypto]) => of(sync) / of(webcrypto))))
  const microseconds = (index: 0 | 1, of: (measure: Measure) => number): string =>
    (quartiles(pairs.map((pair) => of(pair[index]))).median / 1000).toFixed(0)
  console.log(`${algorithm}  requests per second ${ratio(({ milliseconds }) => 1 / milliseconds)}`)
  console.log(`${algorithm}  server CPU per request ${ratio(({ cpu }) => cpu)}`)
  console.log(
    `${algorithm}  event-loop delay, p50/p99 in microseconds: synchronous ${microseconds(0, ({ p50 }) => p50)}/${microseconds(0, ({ p99 }) => p99)}, WebCrypto ${microseconds(1, ({ p50 }) => p50)}/${microseconds(1, ({ p99 }) => p99)}`,
  )
}

async function runBlock(port: number, path: string, agent: Agent): Promise<Measure> {
  await request(port, '/measure', agent)
  const start = performance.now()
  let left = requestsPerBlock
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      if ((await request(port, path, agent)) !== 'true')
        throw new Error('a signature did not verify')
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  const milliseconds = performance.now() - start
  const server = JSON.parse(await request(port, '/measure', agent)) as Omit<Measure, 'milliseconds'>
  return { milliseconds, ...server }
}

function request(port: number, path: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent }, (response) => {
      let body = ''
      response.on('data', (chunk) => (body += String(chunk)))
      response.on('end', () => resolve(body))
    }).on('error', reject)
  })
}

function createWork(algorithm: 'ES256' | 'RS256'): object {
  const { publicKey, privateKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const input = randomBytes(900).toString('base64url')
  const [bareSignature, signature] = [
    sign('sha256', Buffer.from(input), privateKey),
    sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  ].map((bytes) => bytes.toString('base64url'))
  return { algorithm, jwk: publicKey.export({ format: 'jwk' }), input, signature, bareSignature }
}
