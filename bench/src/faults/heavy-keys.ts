import { randomBytes } from 'node:crypto'
import {
  createVerifier,
  jwtTokens,
  memoryReplayStore,
  type HttpRequest,
  type Jwk,
} from '@oauth-pop/core'
import { toMessage } from '../load.ts'
import { audience, issuer } from '../proofs.ts'
import { startApi } from './api.ts'
import { countOf, createClient, quantileOf, tally, type Answer } from './client.ts'
import type { Context } from './scenario.ts'
import { createSigner, repeated, type Signer } from './signing.ts'

const [heavyRate, validRate] = [500, 200]
const secondsPerPhase = 5
const odd = (bytes: number): string => {
  const number = randomBytes(bytes)
  number[0] = 0xc5
  number[bytes - 1] = 0xf1
  return number.toString('base64url')
}

/** Keys that cost milliseconds for each verification, if anybody would verify with them. */
const heavyKeys: readonly Jwk[] = [
  { kty: 'RSA', n: odd(384), e: odd(383) },
  { kty: 'RSA', n: odd(2048), e: 'AQAB' },
]

/** A token that the issuer has bound to such a key, and a proof whose signature could be by it. */
function heavyRequest({ createToken }: Signer, key: Jwk): HttpRequest {
  const payload = {
    at: createToken(key, randomBytes(8).toString('hex')),
    ts: Math.floor(Date.now() / 1000),
    m: 'GET',
    u: 'api.example.com',
    p: '/photos/1',
    jti: randomBytes(16).toString('base64url'),
  }
  const input = [{ typ: 'pop', alg: 'RS256' }, payload].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  const signature = randomBytes(Buffer.from(key['n'] as string, 'base64url').length)
  signature[0] = 1
  const credential = `PoP ${input.join('.')}.${signature.toString('base64url')}`
  const rawHeaders = ['Host', 'api.example.com', 'Authorization', credential]
  return { method: 'GET', target: '/photos/1', rawHeaders }
}

/** L6: valid requests by turns alone and beside heavy keys. */
export async function heavyKeyLoad(context: Context): Promise<void> {
  const signer = createSigner()
  const api = await startApi({ tokens: { jwks: signer.jwks }, store: { kind: 'memory' } })
  context.defer(api.kill)
  const requests = heavyKeys.map((key) => heavyRequest(signer, key))
  const heavy = requests.map(toMessage)
  const client = createClient([api.port], 20)
  const attacker = createClient([api.port], 20)
  await client.send(signer.sign(2000))
  const alone: Answer[] = []
  const beside: Answer[] = []
  const refused: Answer[] = []
  let cpu = 0
  let phases = 0
  const used = async (): Promise<number> => (await api.report()).cpu
  for (let spent = 0; spent < context.amount; spent += 2 * secondsPerPhase) {
    const pool = signer.sign(2 * validRate * secondsPerPhase).values()
    const start = await used()
    alone.push(...(await client.sendAtRate(pool, validRate, secondsPerPhase)))
    const between = await used()
    const [good, bad] = await Promise.all([
      client.sendAtRate(pool, validRate, secondsPerPhase),
      attacker.sendAtRate(repeated(heavy), heavyRate, secondsPerPhase),
    ])
    const end = await used()
    beside.push(...good)
    refused.push(...bad)
    cpu += end - between - (between - start)
    phases += 1
  }
  client.close()
  attacker.close()
  const goodput = countOf(beside, 200) / countOf(alone, 200)
  const p99 = quantileOf(beside, 0.99)
  const inServer = cpu / (phases * heavyRate * secondsPerPhase) / 1000
  const each = await costOfRefusal(signer, requests)
  context.check(
    'heavy keys: all refused with 401',
    tally(refused),
    countOf(refused, 401) === refused.length,
  )
  context.check('valid goodput at least 0.80 of that alone', goodput.toFixed(3), goodput >= 0.8)
  context.check('p99 of valid requests under 200 ms', `${p99.toFixed(1)} ms`, p99 < 200)
  context.check('CPU time for a heavy key under 0.3 ms', `${each.toFixed(3)} ms`, each < 0.3)
  context.note('the same with HTTP, in the server', `${inServer.toFixed(3)} ms`)
}

const refusals = 2000

/** Milliseconds of CPU time that the verifier takes. */
async function costOfRefusal({ jwks }: Signer, requests: readonly HttpRequest[]): Promise<number> {
  const tokens = jwtTokens({ issuer, audience, jwks })
  const verifier = createVerifier({ publicUrl: audience, tokens, replay: memoryReplayStore() })
  const refuse = async (): Promise<void> => {
    for (let index = 0; index < refusals; index += 1) {
      const request = requests[index % requests.length] as HttpRequest
      const accepted = await verifier.verify(request).then(
        () => true,
        () => false,
      )
      if (accepted) throw new Error('a heavy key was accepted')
    }
  }
  await refuse()
  const before = process.cpuUsage()
  await refuse()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / refusals / 1000
}
