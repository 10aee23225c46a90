// A child process: one Express server that verifies one signature in the way that the path names.
import { createPublicKey, verify, webcrypto, type JsonWebKey } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import express from 'express'

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
  response.json(verify('sha256', data, key, bare))
})
app.get('/webcrypto', async (_request, response) => {
  response.json(await webcrypto.subtle.verify(parameters, cryptoKey, bytes, data))
})

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
let since = process.cpuUsage()
app.get('/measure', (_request, response) => {
  const { user, system } = process.cpuUsage(since)
  response.json({ cpu: user + system, p50: delay.percentile(50), p99: delay.percentile(99) })
  since = process.cpuUsage()
  delay.reset()
})

const server = createServer(app).listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port)
})
process.once('disconnect', () => process.exit())
