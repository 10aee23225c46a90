import type { AccessToken } from '@oauth-pop/core'
import type {} from 'koa'

declare module 'koa' {
  interface DefaultState {
    /** Set by `popMiddleware`. With `optional: true` it is missing when the request had no credential. */
    accessToken: AccessToken
  }
}
