import './augment.ts'

export * from '@oauth-pop/core/configuration'
export {
  AccessToken,
  AllowUnverified,
  OptionalPoP,
  RequireAnyScope,
  RequireAuthentication,
  RequireClaims,
  RequireCoverage,
  RequireScheme,
  RequireScopes,
  RequireToken,
  UsePoP,
} from './decorators.ts'
export type { PopDecorator } from './decorators.ts'
export { PopGuard } from './guard.ts'
export { PopModule } from './module.ts'
export type { PopModuleOptions } from './options.ts'
export { protectedResourceMetadata } from '@oauth-pop/core/node'
