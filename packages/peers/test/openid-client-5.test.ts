import { generateKeyPairSync } from 'node:crypto'
import { Issuer } from 'openid-client-5'
import { audiences, client } from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

describePeer('openid-client-5', async (server, form) => {
  const issuer = await Issuer.discover(server.issuer)
  const openid = new issuer.Client({
    client_id: client.id,
    client_secret: client.secret,
    id_token_signed_response_alg: 'ES256',
  })
  const { privateKey: DPoP } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { access_token: accessToken = '' } = await openid.grant(
    { grant_type: 'client_credentials', scope: 'photos', resource: audiences[form] },
    { DPoP },
  )
  return {
    accessToken,
    async call(token, url, { method, body }) {
      const response = await openid.requestResource(url, token, {
        method,
        DPoP,
        ...(body !== undefined && { body }),
      })
      return response.statusCode ?? 0
    },
  }
})
