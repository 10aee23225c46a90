import './augment.ts'

export * from '@oauth-pop/core/configuration'
export {
  requireAnyScope,
  requireAuthentication,
  requireClaims,
  requireCoverage,
  requireScheme,
  requireScopes,
  requireToken,
} from './guards.ts'
export { optionalAccessToken, popMiddleware } from './middleware.ts'
export type { PopHandler, PopMiddlewareOptions } from './middleware.ts'
export { protectedResourceMetadata } from '@oauth-pop/core/node'
