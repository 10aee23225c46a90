import {
  createVerifier,
  jwtTokens,
  memoryReplayStore,
  storedTokens,
  type ResolvedToken,
  type TokenResolver,
  type Verifier,
} from '@oauth-pop/core'
import { compareCpuTime, format, type Block, type Ratio } from './interleave.ts'
import {
  algorithms,
  audience,
  claimsOf,
  createIssuer,
  createPool,
  issuer,
  type BenchAlgorithm,
  type Pool,
} from './proofs.ts'

const aims: Readonly<Record<BenchAlgorithm, number>> = {
  ES256: 1.4,
  EdDSA: 1.25,
  RS256: 1.9,
  PS256: 1.9,
}
const blockSize = 200
const blocks = 16
const rounds = 90
const warmUp = 45

/** `verify()` against one bare `node:crypto` verification of the same signature. */
export async function benchVerify(): Promise<void> {
  console.log('\nverify() over one bare node:crypto verification, CPU time, median (quartiles)')
  for (const algorithm of algorithms) {
    const pool = createPool(algorithm, blockSize * blocks)
    const against = (contestant: Block, limit: Pool['verifyBare']): Promise<Ratio> =>
      compareCpuTime(contestant, verifying(limit), rounds, warmUp)
    const given = await against(accepting(pool, givenToken), pool.verifyBare)
    const stored = await against(accepting(pool, storedToken), pool.verifyBare)
    const usual = await against(accepting(pool, givenToken), pool.verifyUsual)
    console.log(`${algorithm}  given token    ${format(given)}   aim ${aims[algorithm]}`)
    console.log(`${algorithm}  stored token   ${format(stored)}`)
    console.log(`${algorithm}  over the usual call ${format(usual)}`)
  }
}

/** What a stranger can make us spend, against what a client does. */
export async function benchForged(): Promise<void> {
  console.log('\nrefusing a forged proof over accepting a valid one, CPU time, median (quartiles)')
  const pool = createPool('ES256', blockSize * blocks)
  const forged = createPool('ES256', blockSize * blocks, { forged: true })
  console.log(
    `ES256  ${format(await compareCpuTime(refusing(forged), accepting(pool, givenToken), rounds, warmUp))}`,
  )
}

/** What it saves to remember verified JWTs: a proof by ES256, the token by either. */
export async function benchTokenCache(): Promise<void> {
  console.log('\nverify() with a JWT, CPU time, median (quartiles)')
  for (const algorithm of ['ES256', 'RS256'] as const) {
    const { createToken, jwks } = createIssuer(algorithm)
    const pool = createPool('ES256', blockSize * blocks, { createToken })
    const options = { issuer, audience, jwks }
    const [cached, uncached] = [jwtTokens(options), jwtTokens({ ...options, cache: false })]
    const saved = await compareCpuTime(
      accepting(pool, () => cached),
      accepting(pool, () => uncached),
      rounds,
      warmUp,
    )
    const beyondGiven = await compareCpuTime(
      accepting(pool, () => cached),
      accepting(pool, givenToken),
      rounds,
      warmUp,
    )
    console.log(`${algorithm}  remembered over verified  ${format(saved)}`)
    console.log(`${algorithm}  remembered over given     ${format(beyondGiven)}`)
  }
}

/** Every pass over the pool has a fresh verifier and store, so that nothing is a replay. */
function accepting(pool: Pool, createTokens: (pool: Pool) => TokenResolver): Block {
  let verifier = createBenchVerifier(createTokens(pool))
  return async (round) => {
    if (round % blocks === 0) verifier = createBenchVerifier(createTokens(pool))
    for (const index of blockOf(round)) await verifier.verify(pool.requests[index] as never)
  }
}

function refusing(pool: Pool): Block {
  const verifier = createBenchVerifier(givenToken(pool))
  return async (round) => {
    for (const index of blockOf(round)) {
      await verifier.verify(pool.requests[index] as never).then(mustBeRefused, () => {})
    }
  }
}

function mustBeRefused(): never {
  throw new Error('a forged proof was accepted')
}

function verifying(verifyOne: (index: number) => boolean): Block {
  return async (round) => {
    for (const index of blockOf(round))
      if (!verifyOne(index)) throw new Error('a signature is wrong')
  }
}

function blockOf(round: number): readonly number[] {
  const start = (round % blocks) * blockSize
  return Array.from({ length: blockSize }, (_, index) => start + index)
}

function createBenchVerifier(tokens: TokenResolver): Verifier {
  const replay = memoryReplayStore({ restartGuard: 'off' })
  return createVerifier({ publicUrl: audience, tokens, replay, maxAgeSeconds: 3600 })
}

/** A resolver of the application's own that has the answer at hand. */
export function givenToken(pool: Pool): TokenResolver {
  const claims = claimsOf(pool)
  const token: ResolvedToken = {
    claims,
    confirmation: { jwk: pool.jwk },
    scopes: ['a', 'b'],
    subject: 'alice',
    clientId: 'app',
    issuer,
    audience: [audience],
  }
  return { resolve: async () => token }
}

function storedToken(pool: Pool): TokenResolver {
  const record = claimsOf(pool)
  return storedTokens(() => record, { audience })
}
