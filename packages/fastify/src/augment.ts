import type { AccessToken } from '@oauth-pop/core'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Set by the plugin. Missing on a route with `config: { pop: false }`, and with `optional: true`
     * when the request had no credential: see `optionalAccessToken`.
     */
    accessToken: AccessToken
  }
  interface FastifyContextConfig {
    /**
     * `false` exempts the route from verification; `{ optional: true }` lets a request without a
     * credential pass, without `accessToken`.
     */
    pop?: boolean | { readonly optional: boolean }
  }
}
