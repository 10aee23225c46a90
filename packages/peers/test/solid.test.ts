import * as four from '@inrupt/solid-client-authn-core-4'
import * as five from '@inrupt/solid-client-authn-core-5'
import { obtainToken } from './authorization-server.ts'
import { describePeer, type Connect } from './describe-peer.ts'

describePeer('@inrupt/solid-client-authn-core-5', connectWith(five))
describePeer('@inrupt/solid-client-authn-core-4', connectWith(four as never))

function connectWith({
  buildAuthenticatedFetch,
  createDpopHeader,
  generateDpopKeyPair,
}: Pick<
  typeof five,
  'buildAuthenticatedFetch' | 'createDpopHeader' | 'generateDpopKeyPair'
>): Connect {
  return async (server, form) => {
    const dpopKey = await generateDpopKeyPair()
    const proof = await createDpopHeader(server.tokenEndpoint, 'POST', dpopKey)
    return {
      accessToken: await obtainToken(server, form, proof),
      async call(token, url, { method, body }) {
        const send = buildAuthenticatedFetch(token, { dpopKey })
        return (await send(url, { method, body: body ?? null })).status
      },
    }
  }
}
