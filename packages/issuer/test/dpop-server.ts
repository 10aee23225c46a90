import { createRequestListener } from '@remix-run/node-fetch-server'
import { memoryReplayStore } from '@oauth-pop/core'
import {
  createIssuer,
  createIssuerHandler,
  memoryTokenStore,
  type Grant,
  type GrantRequest,
  type IssuerHandlerOptions,
  type IssuerOptions,
  type TokenStore,
} from '@oauth-pop/issuer'
import { listen } from '@oauth-pop/testkit'
import { vi } from 'vitest'

export const audience = 'https://api.example.com'

/** An authorization server of ours that listens, with clients that are bound to DPoP and not. */
export async function startIssuer({
  issuer = {},
  now = Date.now,
  dpop,
  ...options
}: Partial<Omit<IssuerHandlerOptions, 'issuer'>> & {
  issuer?: Partial<IssuerOptions>
  now?: () => number
} = {}) {
  let handle: (request: Request) => Promise<Response>
  const server = await listen(createRequestListener((request) => handle(request)))
  const url = `http://127.0.0.1:${server.port}`
  const kept = memoryTokenStore(now)
  const put = vi.fn<TokenStore['put']>((...record) => kept.put(...record))
  const grant = vi.fn<(request: GrantRequest) => Grant>(() => ({
    subject: 'alice',
    audience,
    scope: 'read',
  }))
  handle = createIssuerHandler({
    issuer: createIssuer({
      issuer: url,
      tokens: 'opaque',
      store: { ...kept, put },
      now,
      ...issuer,
    }),
    clients: {
      app: { secret: 'app-secret' },
      page: { public: true },
      bound: { public: true, dpopBoundAccessTokens: true },
    },
    resourceServers: { api: { secret: 'api-secret' } },
    grant,
    dpop: { now, replay: memoryReplayStore({ now, restartGuard: 'off' }), ...dpop },
    ...options,
  })
  return { url, put, grant, close: server.close }
}
