import type { RequestListener } from 'node:http'
import { createDpopFetch, generateKeyPair, type ProofAlgorithm } from '@oauth-pop/client'
import { listen, type AdapterServer } from '@oauth-pop/testkit'
import express from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import { exportJWK, SignJWT } from 'jose'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const audience = 'https://api.example.com'
const issuerKey = await generateKeyPair({ algorithm: 'RS256' })
const jwks = {
  keys: [{ ...(await exportJWK(issuerKey.publicKey)), alg: 'RS256', use: 'sig', kid: 'k1' }],
}

const servers: AdapterServer[] = []
async function start(listener: RequestListener): Promise<string> {
  const server = await listen(listener)
  servers.push(server)
  return `http://127.0.0.1:${server.port}`
}
afterAll(() => Promise.all(servers.map((server) => server.close())))

let issuer: string
beforeAll(async () => {
  issuer = await start((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(jwks))
  })
})

/** An access token of RFC 9068, bound to the key. */
function issue(jkt: string): Promise<string> {
  return new SignJWT({ client_id: 'app', cnf: { jkt } })
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'k1' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject('alice')
    .setJti('t1')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(issuerKey.privateKey)
}

/** The resource server of oauth4webapi; it knows no nonces. */
function startOauth4webapi(): Promise<string> {
  return start((incoming, response) => {
    const headers = new Headers(incoming.headers as Record<string, string>)
    const url = `http://${String(incoming.headers.host)}${String(incoming.url)}`
    const request = new Request(url, { method: incoming.method ?? '', headers })
    oauth
      .validateJwtAccessToken({ issuer, jwks_uri: `${issuer}/jwks` }, request, audience, {
        requireDPoP: true,
        [oauth.allowInsecureRequests]: true,
      })
      .then(
        ({ sub }) => response.end(sub),
        (error: unknown) => response.writeHead(401).end(String(error)),
      )
  })
}

/** The resource server of Auth0, on Express; it knows no nonces. */
function startAuth0(): Promise<string> {
  const app = express()
  app.set('env', 'test')
  app.use(
    auth({
      issuer,
      audience,
      jwksUri: `${issuer}/jwks`,
      dpop: { enabled: true, required: true },
    }),
  )
  app.use((request, response) => {
    const { auth: found } = request as unknown as { auth: { payload: { sub: string } } }
    response.end(found.payload.sub)
  })
  return start(app)
}

const peers: Readonly<
  Record<string, readonly [start: () => Promise<string>, algorithms: readonly ProofAlgorithm[]]>
> = {
  oauth4webapi: [startOauth4webapi, ['ES256', 'PS256', 'RS256', 'ES384', 'ES512', 'Ed25519']],
  'express-oauth2-jwt-bearer': [startAuth0, ['ES256']],
}

describe.each(Object.entries(peers))('the resource server of %s', (_, [startPeer, algorithms]) => {
  let url: string
  beforeAll(async () => {
    url = await startPeer()
  })

  test.each(algorithms)(
    'takes proofs with %s',
    { tags: ['rule-client-dpop-proof'] },
    async (algorithm) => {
      const key = await generateKeyPair({ algorithm })
      const accessToken = await issue(key.thumbprint)
      const dpopFetch = createDpopFetch({ accessToken, key })
      const calls: readonly Parameters<typeof fetch>[] = [
        [url],
        [`${url}/a%7Eb//c?d=e#f`],
        [url, { method: 'POST', body: 'hello' }],
        [new Request(`${url}/a`, { method: 'PUT', body: 'hello' })],
      ]
      for (const call of calls) {
        const response = await dpopFetch(...call)
        expect([response.status, await response.text()]).toEqual([200, 'alice'])
      }
    },
  )

  test('refuses a key that the token is not bound to', async () => {
    const [own, other] = [
      await generateKeyPair({ algorithm: 'ES256' }),
      await generateKeyPair({ algorithm: 'ES256' }),
    ]
    const accessToken = await issue(other.thumbprint)
    expect((await createDpopFetch({ accessToken, key: own })(url)).status).toBe(401)
  })
})

test(
  'a client of oauth4webapi gets its token with our fetch, also where a nonce is asked for',
  { tags: ['rule-client-dpop-nonce-asked'] },
  async () => {
    const key = await generateKeyPair({ algorithm: 'ES256' })
    let count = 0
    const as = await start((request, response) => {
      count += 1
      response.setHeader('content-type', 'application/json')
      response.setHeader('dpop-nonce', 'n1')
      const [, payload = ''] = String(request.headers['dpop']).split('.')
      const { nonce } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
        nonce?: string
      }
      if (nonce !== 'n1') response.writeHead(400).end('{"error":"use_dpop_nonce"}')
      else response.end('{"access_token":"token","token_type":"DPoP"}')
    })
    const response = await oauth.clientCredentialsGrantRequest(
      { issuer: as, token_endpoint: `${as}/token` },
      { client_id: 'app' },
      oauth.ClientSecretBasic('secret'),
      {},
      {
        [oauth.allowInsecureRequests]: true,
        [oauth.customFetch]: createDpopFetch({ accessToken: false, key }) as never,
      },
    )
    expect([response.status, count]).toEqual([200, 2])
  },
)
