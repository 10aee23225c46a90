import { createDpopFetch, generateKeyPair } from '@oauth-pop/client'
import { memoryReplayStore } from '@oauth-pop/core'
import { dpop, introspectedTokens, jwtTokens, popMiddleware } from '@oauth-pop/express'
import { listen } from '@oauth-pop/testkit'
import express from 'express'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterEach, describe, expect, test } from 'vitest'
import { audience, startIssuer } from './dpop-server.ts'
import { privateJwk } from './keys.ts'

const signingKey = await privateJwk()
const closing: (() => Promise<void>)[] = []
afterEach(() => Promise.all(closing.splice(0).map((close) => close())))

/** An API of ours that takes the tokens of our issuer, as DPoP tokens only. */
async function startApi(issuer: string, kind: 'jwt' | 'opaque', nonces: boolean): Promise<string> {
  const app = express()
  const server = await listen(app)
  closing.push(server.close)
  const url = `http://127.0.0.1:${server.port}`
  const asked = { endpoint: `${issuer}/introspect`, clientId: 'api', clientSecret: 'api-secret' }
  const tokens =
    kind === 'jwt' ? jwtTokens({ issuer, audience }) : introspectedTokens({ ...asked, audience })
  const replay = memoryReplayStore({ restartGuard: 'off' })
  const nonce = nonces ? {} : undefined
  app.use(
    popMiddleware({ publicUrl: url, tokens, schemes: [dpop()], replay, ...(nonce && { nonce }) }),
  )
  app.get('/photos', (request, response) => void response.json(request.accessToken?.subject))
  return `${url}/photos`
}

function asksForNonce(send: () => Promise<unknown>): Promise<boolean> {
  return send().then(
    () => false,
    (error: unknown) => oauth.isDPoPNonceError(error),
  )
}

const runs = (['jwt', 'opaque'] as const).flatMap((kind) =>
  [false, true].map((nonces) => ({ kind, nonces })),
)
describe.each(runs)('with $kind tokens, and nonces required: $nonces', ({ kind, nonces }) => {
  async function startBoth() {
    const issuer = kind === 'jwt' ? { tokens: kind, signingKey } : { tokens: kind }
    const server = await startIssuer({ issuer, ...(nonces && { dpop: { nonce: {} } }) })
    closing.push(server.close)
    return { ...server, api: await startApi(server.url, kind, nonces) }
  }

  test('oauth4webapi gets a token and uses it', { tags: ['issuer-dpop-token'] }, async () => {
    const { url, api } = await startBoth()
    const insecure = { [oauth.allowInsecureRequests]: true }
    const discovered = await oauth.discoveryRequest(new URL(url), {
      algorithm: 'oauth2',
      ...insecure,
    })
    const server = await oauth.processDiscoveryResponse(new URL(url), discovered)
    expect(server.dpop_signing_alg_values_supported).toContain('ES256')
    const client: oauth.Client = { client_id: 'app' }
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
    const ask = async (): Promise<oauth.TokenEndpointResponse> => {
      const auth = oauth.ClientSecretBasic('app-secret')
      const options = { DPoP, ...insecure }
      const answer = await oauth.clientCredentialsGrantRequest(server, client, auth, {}, options)
      return oauth.processClientCredentialsResponse(server, client, answer)
    }
    expect(await asksForNonce(ask)).toBe(nonces)
    const token = await ask()
    expect(token.token_type).toBe('dpop')
    const use = (): Promise<Response> =>
      oauth.protectedResourceRequest(
        token.access_token,
        'GET',
        new URL(api),
        undefined,
        undefined,
        { DPoP, ...insecure },
      )
    expect(await asksForNonce(use)).toBe(nonces)
    expect(await (await use()).json()).toBe('alice')
    const stolen = await fetch(api, { headers: { authorization: `Bearer ${token.access_token}` } })
    expect(stolen.status).toBe(401)
  })

  test('openid-client gets a token and uses it', { tags: ['issuer-dpop-token'] }, async () => {
    const { url, api } = await startBoth()
    const config = await openid.discovery(new URL(url), 'app', 'app-secret', undefined, {
      algorithm: 'oauth2',
      execute: [openid.allowInsecureRequests],
    })
    const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair())
    const token = await openid.clientCredentialsGrant(config, {}, { DPoP })
    expect(token.token_type).toBe('dpop')
    const answer = await openid.fetchProtectedResource(
      config,
      token.access_token,
      new URL(api),
      'GET',
      undefined,
      undefined,
      { DPoP },
    )
    expect(await answer.json()).toBe('alice')
  })

  test(
    'our own client uses a token that openid-client got with its key',
    {
      tags: ['issuer-dpop-token'],
    },
    async () => {
      const { url, api } = await startBoth()
      const key = await generateKeyPair({ algorithm: 'ES256' })
      const config = await openid.discovery(new URL(url), 'app', 'app-secret', undefined, {
        algorithm: 'oauth2',
        execute: [openid.allowInsecureRequests],
      })
      const DPoP = openid.getDPoPHandle(config, key)
      const { access_token: accessToken } = await openid.clientCredentialsGrant(
        config,
        {},
        { DPoP },
      )
      const answer = await createDpopFetch({ accessToken, key })(api)
      expect(await answer.json()).toBe('alice')
    },
  )
})
