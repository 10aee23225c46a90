// Visits the application of a consumer project: `node visit.mjs dist/app.mjs`.
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createPopFetch, generateKeyPair } from '@oauth-pop/client'
import { storedTokens } from '@oauth-pop/core'
import { createIssuer } from '@oauth-pop/issuer'

const { start } = await import(pathToFileURL(resolve(process.argv[2])).href)
const port = await findFreePort()
const url = `http://127.0.0.1:${port}`
const records = new Map()
const close = await start(port, {
  publicUrl: url,
  tokens: storedTokens(async (hash) => records.get(hash), { audience: url }),
})

const store = {
  put: async (hash, record) => void records.set(hash, record.claims),
  get: async () => undefined,
}
const issuer = createIssuer({ issuer: url, tokens: 'opaque', store })
const key = await generateKeyPair({ algorithm: 'ES256' })
const createClient = async (scope) => {
  const { access_token: accessToken } = await issuer.issue({
    clientId: 'app',
    subject: 'alice',
    audience: url,
    scope,
    key: { by: 'client', jwk: key.jwk },
  })
  // A second ahead: an API refuses proofs of the second in which it starts.
  return createPopFetch({ accessToken, key, now: () => Date.now() + 1000 })
}

const refused = await fetch(`${url}/photos`)
assert.equal(refused.status, 401)
assert.match(refused.headers.get('www-authenticate'), /^PoP realm="127\.0\.0\.1", DPoP realm=/)
const accepted = await (await createClient('photos:read'))(`${url}/photos`)
assert.deepEqual([accepted.status, await accepted.text()], [200, 'alice'])
const unscoped = await (await createClient('photos:write'))(`${url}/photos`)
assert.equal(unscoped.status, 403)
await close()

function findFreePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address()
      server.close(() => done(free))
    })
  })
}
