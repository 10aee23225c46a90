// One process of the fleet: `process.send` tells its parent the port, and every outage.
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  popMiddleware,
  PopError,
  requireScopes,
  storedTokens,
  type PopMiddlewareOptions,
  type StoredRecord,
} from '@oauth-pop/express'
import { redisReplayStore } from '@oauth-pop/redis'
import express, { type ErrorRequestHandler } from 'express'
import { Redis } from 'ioredis'

const {
  FLEET_NAME: name = 'api',
  FLEET_URL: publicUrl = '',
  FLEET_REDIS: redisSocket = '',
  FLEET_TOKENS: tokenTable = '{}',
  FLEET_NONCE_SECRETS: secretList = '',
} = process.env

const client = new Redis(redisSocket, {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  retryStrategy: () => 100,
})
client.on('error', () => {
  // The store says so, once for each outage: see below.
})

// A real API asks its authorization server; here the parent has made the tokens.
const records = JSON.parse(tokenTable) as Record<string, StoredRecord>
const secrets = secretList.split(',').filter((secret) => secret !== '')
const nonce: PopMiddlewareOptions['nonce'] =
  secrets.length === 0
    ? undefined
    : { secrets: secrets.map((secret) => Buffer.from(secret, 'base64url')) }

const app = express()
app.use(
  popMiddleware({
    publicUrl,
    tokens: storedTokens((sha256) => records[sha256], { audience: publicUrl }),
    replay: redisReplayStore({
      send: (command) => client.call(...command),
      prefix: 'photos',
      // Five processes and Redis may share two cores here.
      deadlineMilliseconds: 250,
    }),
    ...(nonce && { nonce }),
  }),
)
let handled = 0
app.get('/photos', requireScopes('photos:read'), (req, res) => {
  handled += 1
  res.json({ process: name, handled, owner: req.accessToken.subject })
})
const tellWhy: ErrorRequestHandler = (error, _req, res, _next) => {
  if (error instanceof PopError)
    res.status(error.status).json({ process: name, handled, code: error.code })
  else res.status(500).end()
}
app.use(tellWhy)

diagnostics.subscribe('oauth-pop:outage', (message) => process.send?.({ outage: message }))

// Only now: a process without its Redis would refuse whatever the proxy sends.
if (client.status !== 'ready') await once(client, 'ready')
const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port })
})
process.on('SIGTERM', () => {
  // What has begun is answered; then the process ends.
  server.close(() => process.exit(0))
})
