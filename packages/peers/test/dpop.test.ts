import * as dpop from 'dpop'
import { expect, onTestFinished, test } from 'vitest'
import {
  obtainToken,
  startAuthorizationServer,
  type AuthorizationServer,
  type TokenForm,
} from './authorization-server.ts'
import { describePeer, type Session } from './describe-peer.ts'
import { startResourceServer } from './resource-servers.ts'

describePeer('dpop', (server, form) => connect(server, form, 'ES256'))

test.each(['Ed25519', 'PS256', 'RS256'] as const)('proofs with %s are taken', async (algorithm) => {
  const server = await startAuthorizationServer()
  onTestFinished(server.close)
  const { accessToken, call } = await connect(server, 'jwt', algorithm)
  const api = await startResourceServer(server, {
    framework: 'express',
    form: 'jwt',
    mode: 'required',
  })
  onTestFinished(api.close)
  expect(await call(accessToken, `${api.url}/photos`, { method: 'GET' })).toBe(200)
})

async function connect(
  server: AuthorizationServer,
  form: TokenForm,
  algorithm: dpop.JWSAlgorithm,
): Promise<Session> {
  const key = await dpop.generateKeyPair(algorithm)
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
}
