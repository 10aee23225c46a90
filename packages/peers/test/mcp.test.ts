import { DpopSession, withDpop } from '@modelcontextprotocol/client'
import { applyMiddlewares, withOAuth } from '@modelcontextprotocol/sdk/client/middleware.js'
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js'
import { createDpopProof, generateKeyPair } from '@oauth-pop/client'
import { client, obtainToken } from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

describePeer('@modelcontextprotocol/client', async (server, form) => {
  const session = await DpopSession.create()
  const proof = await session.buildProof({ htm: 'POST', htu: server.tokenEndpoint })
  let accessToken = await obtainToken(server, form, proof)
  const dpopFetch = withDpop(session, () => accessToken)(fetch)
  return {
    accessToken,
    async call(token, url, { method, body }) {
      accessToken = token
      return (await dpopFetch(url, { method, body: body ?? null })).status
    },
  }
})

// It knows no DPoP: it sends such tokens as bearer tokens.
describePeer('@modelcontextprotocol/sdk', async (server, form) => {
  const key = await generateKeyPair({ algorithm: 'ES256' })
  const proof = await createDpopProof({ method: 'POST', url: server.tokenEndpoint, key })
  let accessToken = await obtainToken(server, form, proof)
  const provider: OAuthClientProvider = {
    redirectUrl: undefined,
    clientMetadata: { redirect_uris: [] },
    clientInformation: () => ({ client_id: client.id, client_secret: client.secret }),
    tokens: () => ({ access_token: accessToken, token_type: 'DPoP' }),
    saveTokens: () => {},
    redirectToAuthorization: () => {},
    saveCodeVerifier: () => {},
    codeVerifier: () => '',
  }
  return {
    accessToken,
    async call(token, url, { method, body }) {
      accessToken = token
      const send = applyMiddlewares(withOAuth(provider))(fetch)
      return (await send(url, { method, body: body ?? null })).status
    },
  }
})
