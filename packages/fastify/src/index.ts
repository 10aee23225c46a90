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
  AccessToken,
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
export { requireAnyScope, requireClaims, requireCoverage, requireScopes } from './guards.ts'
export type { PopGuard } from './guards.ts'
export { popPlugin, popPlugin as default } from './plugin.ts'
export type { PopPluginOptions } from './plugin.ts'
