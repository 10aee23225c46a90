import type { AccessToken } from '@oauth-pop/core'

declare global {
  namespace Express {
    interface Request {
      /** Set by `popMiddleware`. With `optional: true` it is missing when the request had no credential. */
      accessToken: AccessToken
    }
  }
}
