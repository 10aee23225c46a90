import { createDpopFetch, createDpopProof, generateKeyPair } from '@oauth-pop/client'
import { decodeJwt } from 'jose'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  basicCredentials,
  obtainToken,
  startAuthorizationServer,
  tokenRequest,
} from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

describePeer('@oauth-pop/client', async (server, form) => {
  const key = await generateKeyPair({ algorithm: 'ES256' })
  const proof = await createDpopProof({ method: 'POST', url: server.tokenEndpoint, key })
  let accessToken = await obtainToken(server, form, proof)
  const dpopFetch = createDpopFetch({ accessToken: () => accessToken, key })
  return {
    accessToken,
    async call(token, url, { method, body }) {
      accessToken = token
      const response = await dpopFetch(url, { method, body: body ?? null })
      return response.status
    },
  }
})

test('our fetch gets a token where the authorization server asks for a nonce', async () => {
  const server = await startAuthorizationServer({ requireNonce: true })
  onTestFinished(server.close)
  const key = await generateKeyPair({ algorithm: 'ES256' })
  const response = await createDpopFetch({ accessToken: false, key })(server.tokenEndpoint, {
    method: 'POST',
    headers: { authorization: basicCredentials },
    body: tokenRequest('jwt'),
  })
  expect(response.status).toBe(200)
  const { access_token: token } = (await response.json()) as { access_token: string }
  expect(decodeJwt(token)).toMatchObject({ cnf: { jkt: key.thumbprint } })
})

describe.each([
  ['no nonces', false],
  ['nonces', true],
])('our fetch at the userinfo endpoint of oidc-provider, with %s', (_, requireNonce) => {
  test('gets the claims of the user, as often as it asks', async () => {
    const server = await startAuthorizationServer({ requireNonce })
    onTestFinished(server.close)
    const key = await generateKeyPair({ algorithm: 'ES256' })
    const accessToken = await server.issueUserToken('alice', key.thumbprint)
    const dpopFetch = createDpopFetch({ accessToken, key })
    for (const method of ['GET', 'POST', 'GET']) {
      const response = await dpopFetch(server.userinfoEndpoint, { method })
      expect([response.status, await response.json()]).toEqual([200, { sub: 'alice' }])
    }
  })

  test('is refused with a token that is bound to the key of another', async () => {
    const server = await startAuthorizationServer({ requireNonce })
    onTestFinished(server.close)
    const [own, other] = await Promise.all([
      generateKeyPair({ algorithm: 'ES256' }),
      generateKeyPair({ algorithm: 'ES256' }),
    ])
    const accessToken = await server.issueUserToken('alice', other.thumbprint)
    const response = await createDpopFetch({ accessToken, key: own })(server.userinfoEndpoint)
    expect([response.status, await response.json()]).toMatchObject([
      401,
      { error: 'invalid_token' },
    ])
  })
})
