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
export { popMiddleware } from './middleware.ts'
export type { PopContext, PopMiddleware, PopMiddlewareOptions } from './middleware.ts'
