import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPopFetch, generateKeyPair } from '@oauth-pop/client'
import { storedTokens, type StoredRecord } from '@oauth-pop/express'
import { createIssuer } from '@oauth-pop/issuer'
import { createApp } from './app'

test('the client that holds the key gets in, and a thief does not', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const records = new Map<string, StoredRecord>()
  const tokens = storedTokens(async (sha256) => records.get(sha256), { audience: url })
  server.on('request', createApp({ publicUrl: url, tokens }))
  const issuer = createIssuer({
    issuer: url,
    tokens: 'opaque',
    store: {
      put: async (sha256, record) => void records.set(sha256, { ...record?.claims }),
      get: async () => undefined,
    },
  })
  const key = await generateKeyPair({ algorithm: 'ES256' })
  const { access_token: accessToken } = await issuer.issue({
    clientId: 'app',
    subject: 'alice',
    audience: url,
    scope: 'photos:read',
    key: { by: 'client', jwk: key.jwk },
  })
  // A second ahead: an API refuses proofs of the second in which it starts.
  const now = () => Date.now() + 1000
  const accepted = await createPopFetch({ accessToken, key, now })(`${url}/photos`)
  expect([accepted.status, await accepted.json()]).toEqual([200, 'alice'])
  const refused = await fetch(`${url}/photos`, {
    headers: { authorization: `Bearer ${accessToken}` },
  })
  expect(refused.status).toBe(401)
  server.close().closeAllConnections()
})
