import * as openid from 'openid-client-6'
import { audiences, client } from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

describePeer('openid-client-6', async ({ issuer }, form) => {
  const configuration = await openid.discovery(
    new URL(issuer),
    client.id,
    client.secret,
    undefined,
    {
      execute: [openid.allowInsecureRequests],
    },
  )
  const key = await openid.randomDPoPKeyPair('ES256')
  const DPoP = openid.getDPoPHandle(configuration, key)
  const parameters = { scope: 'photos', resource: audiences[form] }
  const { access_token: accessToken } = await openid.clientCredentialsGrant(
    configuration,
    parameters,
    { DPoP },
  )
  return {
    accessToken,
    async call(token, url, { method, body }) {
      const response = await openid.fetchProtectedResource(
        configuration,
        token,
        new URL(url),
        method,
        body,
        undefined,
        { DPoP },
      )
      return response.status
    },
  }
})
