import * as newest from 'oauth4webapi-3.8.8'
import * as before from 'oauth4webapi-3.8.7'
import { audiences, client as registered } from './authorization-server.ts'
import { describePeer, type Connect } from './describe-peer.ts'

// The newest finds the nonce challenge among several; the one before where it is the only one.
describePeer('oauth4webapi-3.8.7', connectWith(before))
describePeer('oauth4webapi-3.8.8', connectWith(newest as unknown as typeof before))

function connectWith(oauth: typeof before): Connect {
  return async ({ issuer, tokenEndpoint }, form) => {
    const insecure = { [oauth.allowInsecureRequests]: true }
    const client: before.Client = { client_id: registered.id }
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
    const as = { issuer, token_endpoint: tokenEndpoint }
    const answer = await oauth.processClientCredentialsResponse(
      as,
      client,
      await oauth.clientCredentialsGrantRequest(
        as,
        client,
        oauth.ClientSecretBasic(registered.secret),
        new URLSearchParams({ scope: 'photos', resource: audiences[form] }),
        { DPoP, ...insecure },
      ),
    )
    return {
      accessToken: answer.access_token,
      // It remembers nonces, and leaves it to the caller to try again.
      async call(token, url, { method, body }) {
        const send = (): Promise<Response> =>
          oauth.protectedResourceRequest(token, method, new URL(url), undefined, body, {
            DPoP,
            ...insecure,
          })
        const response = await send().catch((error: unknown) => {
          if (oauth.isDPoPNonceError(error)) return send()
          throw error
        })
        return response.status
      },
    }
  }
}
