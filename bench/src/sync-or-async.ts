import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { measureLoad, startChild, type Usage } from './child.ts'
import {
  format,
  interleave,
  mediansOf,
  ratioOf,
  type Contestant,
  type Round,
} from './interleave.ts'
import { openLoad, toMessage } from './load.ts'

const connections = 20
const requestsPerBlock = 1500
const rounds = 9
const warmUp = 2

/** With the delay of the event loop since the last time, in nanoseconds. */
export interface DelayUsage extends Usage {
  readonly p50: number
  readonly p99: number
}
type Measure = Awaited<ReturnType<typeof measureLoad<DelayUsage>>>

/**
 * Synchronous `node:crypto` against WebCrypto on a server under load: throughput, server CPU time
 * per request, and how long the event loop keeps others waiting. Loopback only, bounded in count.
 */
export async function benchSyncOrAsync(): Promise<void> {
  console.log('\nsynchronous node:crypto over WebCrypto, Express under load, median (quartiles)')
  for (const algorithm of ['ES256', 'RS256'] as const) {
    const work = JSON.stringify(createWork(algorithm))
    const { child, ready: port } = await startChild<number>(
      new URL('./server.ts', import.meta.url),
      [work],
    )
    const load = await openLoad(port, connections, 'sleep')
    const asking = (target: string): Contestant<Measure> => {
      const message = toMessage({ method: 'GET', target, rawHeaders: ['Host', 'localhost'] })
      const block = Array.from({ length: requestsPerBlock }, () => message)
      return () => measureLoad<DelayUsage>(child, load, block)
    }
    report(algorithm, await interleave(asking('/sync'), asking('/webcrypto'), rounds, warmUp))
    load.close()
    child.disconnect()
  }
}

function report(algorithm: string, measured: readonly Round<Measure>[]): void {
  const p50 = microseconds(mediansOf(measured, (measure) => measure.p50))
  const p99 = microseconds(mediansOf(measured, (measure) => measure.p99))
  console.log(
    `${algorithm}  requests per second ${format(ratioOf(measured, ({ wall }) => 1 / wall))}`,
  )
  console.log(`${algorithm}  server CPU per request ${format(ratioOf(measured, ({ cpu }) => cpu))}`)
  console.log(
    `${algorithm}  event-loop delay, p50/p99 in microseconds: synchronous ${p50[0]}/${p99[0]}, WebCrypto ${p50[1]}/${p99[1]}`,
  )
}

function microseconds(nanoseconds: Round<number>): readonly string[] {
  return nanoseconds.map((value) => (value / 1000).toFixed(0))
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
