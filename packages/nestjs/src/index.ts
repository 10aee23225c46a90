import './augment.ts'

export {
  bearer,
  dpop,
  introspectedTokens,
  jwtTokens,
  memoryReplayStore,
  pop,
  PopError,
  ReplayStoreError,
  storedTokens,
} from '@oauth-pop/core'
export type {
  ClaimsCheck,
  Coverage,
  CoverageRequirement,
  DpopOptions,
  IntrospectedTokensOptions,
  Jwk,
  JwtTokensOptions,
  NonceOptions,
  PopErrorCode,
  PopMember,
  PopOptions,
  ReplayEntry,
  ReplayStore,
  ResolvedToken,
  Scheme,
  StoredLookup,
  StoredRecord,
  StoredTokensOptions,
  TokenResolver,
} from '@oauth-pop/core'
export {
  AccessToken,
  AllowUnverified,
  RequireAnyScope,
  RequireClaims,
  RequireCoverage,
  RequireScopes,
  UsePoP,
} from './decorators.ts'
export type { PopDecorator } from './decorators.ts'
export { PopGuard } from './guard.ts'
export { PopModule } from './module.ts'
export type { PopModuleOptions } from './options.ts'
