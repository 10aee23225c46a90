import './augment.ts'

export * from '@oauth-pop/core/configuration'
export { requireAnyScope, requireClaims, requireCoverage, requireScopes } from './guards.ts'
export { popMiddleware } from './middleware.ts'
export type { PopHandler, PopMiddlewareOptions } from './middleware.ts'
