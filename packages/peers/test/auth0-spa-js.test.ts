import './browser.ts'
import { Auth0Client } from '@auth0/auth0-spa-js'
import { obtainToken } from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

let clients = 0

describePeer('@auth0/auth0-spa-js', async (server, form) => {
  clients += 1
  // Its key is kept by the client id.
  const auth0 = new Auth0Client({
    domain: server.issuer,
    clientId: `app-${clients}`,
    useDpop: true,
  })
  const { tokenEndpoint: url } = server
  const proof = await auth0.generateDpopProof({ url, method: 'POST', accessToken: '' })
  return {
    accessToken: await obtainToken(server, form, proof),
    async call(token, target, { method, body }) {
      const fetcher = auth0.createFetcher({
        dpopNonceId: new URL(target).origin,
        getAccessToken: () => Promise.resolve(token),
      })
      const response = await fetcher.fetchWithAuth(target, { method, body: body ?? null })
      return response.status
    },
  }
})
