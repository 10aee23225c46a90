import { randomBytes } from 'node:crypto'
import {
  generateKeyPair,
  signPopRequest,
  type PopRequest,
  type ProofAlgorithm,
  type ProofKey,
} from '@oauth-pop/client'
import { format, interleave, mediansOf, ratioOf, timed, type Cost } from './interleave.ts'
import { audience, randomToken } from './proofs.ts'

const algorithms = ['ES256', 'EdDSA', 'RS256', 'PS256', 'HS256'] as const
type SignAlgorithm = (typeof algorithms)[number]

/** RSA signs so slowly that a few make a block. */
const blockSizes: Readonly<Record<SignAlgorithm, number>> = {
  ES256: 100,
  EdDSA: 100,
  RS256: 10,
  PS256: 10,
  HS256: 100,
}
const rounds = 60
const warmUp = 30

type BareSign = (input: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>
interface Signer {
  readonly key: ProofKey
  readonly signBare: BareSign
}

type Request = Omit<PopRequest, 'accessToken' | 'key'>
const requests: Readonly<Record<string, Request>> = {
  'default coverage': { method: 'GET', url: `${audience}/photos/1` },
  'all covered': {
    method: 'POST',
    url: `${audience}/photos?album=summer&size=small`,
    headers: { 'Content-Type': 'application/json', 'X-Request-Id': '7d9c0f0e' },
    body: JSON.stringify({ title: 'A photo', text: 'x'.repeat(200) }),
    cover: { query: true, headers: ['content-type', 'x-request-id'], body: true },
  },
}

/** One signature by the client against WebCrypto's own of the same input. */
export async function benchSign(): Promise<void> {
  console.log('\nsignPopRequest over crypto.subtle.sign, median (quartiles), microseconds')
  for (const algorithm of algorithms) {
    const signer = await createSigner(algorithm)
    for (const [name, request] of Object.entries(requests))
      await compare(`${algorithm}, ${name}`, algorithm, signer, request)
  }
}

async function compare(
  name: string,
  algorithm: SignAlgorithm,
  { key, signBare }: Signer,
  request: Request,
): Promise<void> {
  const complete: PopRequest = { ...request, accessToken: randomToken(), key }
  const proof = await signPopRequest(complete)
  const input = new TextEncoder().encode(proof.slice(0, proof.lastIndexOf('.')))
  const repeated = (sign: () => Promise<unknown>) =>
    timed(async () => {
      for (let left = blockSizes[algorithm]; left > 0; left -= 1) await sign()
    })
  const measured = await interleave(
    repeated(() => signPopRequest(complete)),
    repeated(() => signBare(input)),
    rounds,
    warmUp,
  )
  for (const time of ['cpu', 'wall'] as const) {
    const of = (cost: Cost): number => cost[time] / blockSizes[algorithm]
    const [client, bare] = mediansOf(measured, of).map((value) => value.toFixed(1))
    console.log(`${name}, ${time}  ${format(ratioOf(measured, of))}  ${client} over ${bare}`)
  }
}

async function createSigner(algorithm: SignAlgorithm): Promise<Signer> {
  if (algorithm === 'HS256') return createSecretSigner()
  const key = await generateKeyPair({ algorithm })
  const { privateKey } = key
  return {
    key,
    signBare: (input) => crypto.subtle.sign(parametersOf(algorithm), privateKey, input),
  }
}

async function createSecretSigner(): Promise<Signer> {
  const secret = Uint8Array.from(randomBytes(32))
  const hmac = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', secret, hmac, false, ['sign'])
  return {
    key: { kty: 'oct', alg: 'HS256', k: Buffer.from(secret).toString('base64url') },
    signBare: (input) => crypto.subtle.sign('HMAC', key, input),
  }
}

function parametersOf(algorithm: ProofAlgorithm): Parameters<typeof crypto.subtle.sign>[0] {
  if (algorithm === 'ES256') return { name: 'ECDSA', hash: 'SHA-256' }
  if (algorithm === 'PS256') return { name: 'RSA-PSS', saltLength: 32 }
  return algorithm === 'EdDSA' ? 'Ed25519' : 'RSASSA-PKCS1-v1_5'
}
