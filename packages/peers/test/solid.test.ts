import {
  buildAuthenticatedFetch,
  createDpopHeader,
  generateDpopKeyPair,
} from '@inrupt/solid-client-authn-core'
import { obtainToken } from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

describePeer('@inrupt/solid-client-authn-core', async (server, form) => {
  const dpopKey = await generateDpopKeyPair()
  const proof = await createDpopHeader(server.tokenEndpoint, 'POST', dpopKey)
  return {
    accessToken: await obtainToken(server, form, proof),
    async call(token, url, { method, body }) {
      const send = buildAuthenticatedFetch(token, { dpopKey })
      return (await send(url, { method, body: body ?? null })).status
    },
  }
})
