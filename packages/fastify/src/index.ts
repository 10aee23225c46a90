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
export type { PopGuard } from './guards.ts'
export { optionalAccessToken, popPlugin, popPlugin as default } from './plugin.ts'
export type { PopPluginOptions } from './plugin.ts'
export { protectedResourceMetadata } from '@oauth-pop/core/node'
