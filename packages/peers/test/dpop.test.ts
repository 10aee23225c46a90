import * as dpop from 'dpop'
import { obtainToken } from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

describePeer('dpop', async (server, form) => {
  const key = await dpop.generateKeyPair('ES256')
  const proof = await dpop.generateProof(key, server.tokenEndpoint, 'POST')
  const nonces = new Map<string, string>()
  return {
    accessToken: await obtainToken(server, form, proof),
    // It makes proofs; nonces are the caller's to remember.
    async call(token, url, { method, body }) {
      const { origin, pathname } = new URL(url)
      const send = async (): Promise<Response> => {
        const nonce = nonces.get(origin)
        const proof = await dpop.generateProof(key, `${origin}${pathname}`, method, nonce, token)
        const headers = { authorization: `DPoP ${token}`, dpop: proof }
        const response = await fetch(url, { method, headers, body: body ?? null })
        const given = response.headers.get('dpop-nonce')
        if (given !== null) nonces.set(origin, given)
        return response
      }
      const first = await send()
      const asked = first.headers.get('www-authenticate')?.includes('use_dpop_nonce') === true
      return (asked ? await send() : first).status
    },
  }
})
