import type { AccessToken } from '@oauth-pop/core'

declare global {
  namespace Express {
    interface Request {
      /** Set by `PopGuard`. Missing on an exempt route, and on an anonymous one under `optional: true`. */
      accessToken: AccessToken
    }
  }
}
