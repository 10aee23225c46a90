import assert from 'node:assert/strict'
import { createPopFetch, generateKeyPair } from '@oauth-pop/client'
import { createVerifier, pop } from '@oauth-pop/core'
import { runGuard } from '@oauth-pop/core/node'
import { popMiddleware, requireScopes, storedTokens } from '@oauth-pop/express'
import { createIssuer } from '@oauth-pop/issuer'
import express from 'express'

for (const name of [createVerifier, pop, runGuard, requireScopes])
  assert.equal(typeof name, 'function')

const app = express()
let records = new Map()
const server = app.listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const url = `http://127.0.0.1:${server.address().port}`
app.use(
  popMiddleware({
    publicUrl: url,
    tokens: storedTokens(async (hash) => records.get(hash), { audience: url }),
  }),
)
app.get('/', requireScopes('read'), (request, response) =>
  response.json(request.accessToken.subject),
)
app.use((error, _request, response, _next) => response.status(error.status).json(error))

const refused = await fetch(url)
assert.equal(refused.status, 401)
assert.match(refused.headers.get('www-authenticate'), /^PoP realm="127\.0\.0\.1"/)

const key = await generateKeyPair({ algorithm: 'ES256' })
const store = {
  put: async (hash, record) => void records.set(hash, record.claims),
  get: async () => undefined,
}
const issuer = createIssuer({ issuer: url, tokens: 'opaque', store })
const { access_token: accessToken } = await issuer.issue({
  clientId: 'app',
  subject: 'alice',
  audience: url,
  scope: 'read',
  key: { by: 'client', jwk: key.jwk },
})
const accepted = await createPopFetch({ accessToken, key })(url)
assert.deepEqual([accepted.status, await accepted.json()], [200, 'alice'])
server.close()
server.closeAllConnections()
