// A child process: one framework on three ports, and a word on the CPU time whenever it is asked.
import {
  createVerifier,
  jwtTokens,
  memoryReplayStore,
  pop,
  storedTokens,
  type TokenResolver,
  type VerifierOptions,
} from '@oauth-pop/core'
import { expressHost, fastifyHost, koaHost, type Host } from './adapter-hosts.ts'
import { nestExpressHost, nestFastifyHost } from './adapter-nest.ts'
import type { Contestant, Framework, Token } from './adapters.ts'
import type { Usage } from './child.ts'
import { issuer } from './proofs.ts'

const hosts: Record<Framework, Host> = {
  Express: expressHost,
  Fastify: fastifyHost,
  Koa: koaHost,
  'Nest on Express': nestExpressHost,
  'Nest on Fastify': nestFastifyHost,
}

const [framework, token = ''] = process.argv.slice(2)
const { audience, accessToken, claims, jwks } = JSON.parse(token) as Token
const records = new Map([[accessToken, claims]])
const host = hosts[framework as Framework]
const verifier = createVerifier(createOptions())

const ports: Record<Contestant, number> = {
  bare: await host(() => undefined),
  core: await host(({ method = '', url = '', rawHeaders }) =>
    verifier.verify({ method, target: url, rawHeaders }),
  ),
  adapter: await host(() => undefined, createOptions()),
}
process.send?.(ports)
process.on('message', () => {
  // So that each contestant pays for its own garbage.
  globalThis.gc?.({ type: 'minor', execution: 'sync' })
  const { user, system } = process.cpuUsage()
  process.send?.({ cpu: user + system } satisfies Usage)
})
process.once('disconnect', () => process.exit())

function createOptions(): VerifierOptions {
  return {
    publicUrl: audience,
    tokens: createTokens(),
    schemes: [pop()],
    // The proofs are older than this process.
    replay: memoryReplayStore({ restartGuard: 'off' }),
  }
}

function createTokens(): TokenResolver {
  if (jwks !== undefined) return jwtTokens({ issuer, audience, jwks })
  return storedTokens((_, given) => records.get(given), { audience })
}
