import { createHash, randomUUID } from 'node:crypto'
import { JoseKey } from '@atproto/jwk-jose'
import { OAuthSession, type OAuthServerAgent, type SessionGetter } from '@atproto/oauth-client'
import { obtainToken } from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

describePeer('@atproto/oauth-client', async (server, form) => {
  const key = await JoseKey.generate(['ES256'])
  const now = Math.floor(Date.now() / 1000)
  const proof = await key.createJwt(
    { alg: 'ES256', typ: 'dpop+jwt', jwk: key.bareJwk as never },
    { htm: 'POST', htu: server.tokenEndpoint as never, iat: now, jti: randomUUID() },
  )
  // What a session uses of the client around it, which would want a network of its own.
  const nonces = new Map<string, string>()
  const agent = {
    dpopKey: key,
    dpopNonces: nonces,
    serverMetadata: { dpop_signing_alg_values_supported: ['ES256'] },
    runtime: { sha256: (text: string) => createHash('sha256').update(text).digest('base64url') },
  } as unknown as OAuthServerAgent
  return {
    accessToken: await obtainToken(server, form, proof),
    async call(token, url, { method, body }) {
      const { origin: aud, pathname, search } = new URL(url)
      const tokenSet = { token_type: 'DPoP', access_token: token, aud }
      const sessions = {
        getSession: (_did: string, refresh: boolean | 'auto') =>
          refresh === true
            ? Promise.reject(new Error('no refresh token'))
            : Promise.resolve({ tokenSet }),
      } as unknown as SessionGetter
      const session = new OAuthSession(agent, 'did:plc:ewvi7nxzyoun6zhxrhs64oiz', sessions)
      const response = await session.fetchHandler(`${pathname}${search}`, {
        method,
        body: body ?? null,
      })
      return response.status
    },
  }
})
