import { createDpopFetch, createDpopProof, generateKeyPair } from '@oauth-pop/client'
import { obtainToken } from './authorization-server.ts'
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
