import * as oauth from 'oauth4webapi-2'
import { audiences, client as registered } from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

describePeer('oauth4webapi-2', async ({ issuer, tokenEndpoint }, form) => {
  const client = { client_id: registered.id, client_secret: registered.secret }
  const DPoP = await oauth.generateKeyPair('ES256')
  const as = { issuer, token_endpoint: tokenEndpoint }
  const parameters = new URLSearchParams({ scope: 'photos', resource: audiences[form] })
  const answer = await oauth.processClientCredentialsResponse(
    as,
    client,
    await oauth.clientCredentialsGrantRequest(as, client, parameters, { DPoP }),
  )
  if (oauth.isOAuth2Error(answer)) throw new Error(answer.error)
  return {
    accessToken: answer.access_token,
    // It remembers nonces, and leaves it to the caller to try again.
    async call(token, url, { method, body }) {
      const send = (): Promise<Response> =>
        oauth.protectedResourceRequest(token, method, new URL(url), undefined, body, {
          DPoP,
        })
      const first = await send()
      const challenges = oauth.parseWwwAuthenticateChallenges(first) ?? []
      const asked = challenges.some(({ parameters: { error } }) => error === 'use_dpop_nonce')
      return (asked ? await send() : first).status
    },
  }
})
