// A child process: one Express server that verifies one signature in the way that the path names.
import { createPublicKey, verify, webcrypto, type JsonWebKey } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import express, { type Response } from 'express'
import type { DelayUsage } from './sync-or-async.ts'

interface Work {
  readonly algorithm: 'ES256' | 'RS256'
  readonly jwk: JsonWebKey
  readonly input: string
  readonly signature: string
  /** The form that synchronous verification takes: DER for ECDSA. */
  readonly bareSignature: string
}

const { algorithm, jwk, input, signature, bareSignature } = JSON.parse(
  process.argv[2] ?? '{}',
) as Work
const data = Buffer.from(input, 'latin1')
const [bytes, bare] = [signature, bareSignature].map((text) => Buffer.from(text, 'base64url')) as [
  Buffer,
  Buffer,
]
const key = createPublicKey({ key: jwk, format: 'jwk' })
const name = algorithm === 'ES256' ? 'ECDSA' : 'RSASSA-PKCS1-v1_5'
const parameters = { name, namedCurve: 'P-256', hash: 'SHA-256' }
const cryptoKey = await webcrypto.subtle.importKey('jwk', jwk, parameters, false, ['verify'])

const app = express()
app.get('/sync', (_request, response) => {
  answer(response, verify('sha256', data, key, bare))
})
app.get('/webcrypto', async (_request, response) => {
  answer(response, await webcrypto.subtle.verify(parameters, cryptoKey, bytes, data))
})

function answer(response: Response, valid: boolean): void {
  response.status(valid ? 200 : 500).json(valid)
}

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  const usage: DelayUsage = {
    cpu: user + system,
    p50: delay.percentile(50),
    p99: delay.percentile(99),
  }
  process.send?.(usage)
  delay.reset()
})

const server = createServer(app).listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port)
})
process.once('disconnect', () => process.exit())
