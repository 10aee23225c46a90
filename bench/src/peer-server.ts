// A child process: one Express server, bare or behind one package, and a word on the CPU time whenever asked.
import { createServer } from 'node:http'
import {
  dpop,
  jwtTokens,
  memoryReplayStore,
  popMiddleware,
  type PopMiddlewareOptions,
} from '@oauth-pop/express'
import express, { type RequestHandler } from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import { portOf } from './adapter-hosts.ts'
import type { Usage } from './child.ts'
import type { PeerName, PeerSetup } from './peers.ts'
import { audience, issuer } from './proofs.ts'

const { name, jwks, secret } = JSON.parse(process.argv[2] ?? '{}') as PeerSetup
// The proofs are made before the run, which may take longer than a proof is good by default.
const maxAgeSeconds = 3600

function ours(
  own: Partial<PopMiddlewareOptions> = {},
  tokens: Partial<Parameters<typeof jwtTokens>[0]> = {},
): RequestHandler {
  return popMiddleware({
    publicUrl: audience,
    tokens: jwtTokens({ issuer, audience, jwks, ...tokens }),
    schemes: [dpop()],
    maxAgeSeconds,
    replay: memoryReplayStore({ restartGuard: 'off' }),
    ...own,
  })
}

const nonce = { secrets: [Buffer.from(secret, 'hex')], lifetimeSeconds: 3600 }

const handlers: Readonly<Record<PeerName, () => RequestHandler | undefined>> = {
  bare: () => undefined,
  theirs: () =>
    auth({
      issuer,
      audience,
      publicKey: { keys: jwks.keys.map((key) => ({ ...key })) },
      tokenSigningAlg: 'ES256',
      strict: true,
      dpop: { enabled: true, required: true, iatOffset: maxAgeSeconds },
    }),
  'without nonces': () => ours(),
  'nonces offered': () => ours({ nonce: { ...nonce, required: false } }),
  'nonces required': () => ours({ nonce }),
  'without token cache': () => ours({}, { cache: false }),
}

const app = express()
app.set('env', 'test') // prints no refusals
const handler = handlers[name]()
if (handler !== undefined) app.use(handler)
app.get('/photos/:id', (_request, response) => void response.json({ ok: true }))

const server = createServer(app)
// Each waits for its next turn while five others have theirs.
server.keepAliveTimeout = 600_000
// Their package compares a proof with the URL that the connection suggests: this one passes for TLS.
server.on('connection', (socket) => Object.assign(socket, { encrypted: true }))
server.listen(0, '127.0.0.1', () => process.send?.(portOf(server)))
process.on('message', () => {
  // So that each block pays for its own garbage.
  globalThis.gc?.({ type: 'minor', execution: 'sync' })
  const { user, system } = process.cpuUsage()
  process.send?.({ cpu: user + system } satisfies Usage)
})
process.once('disconnect', () => process.exit())
