/** What an application writes down for its adapter. Every adapter re-exports all of it. */
export type { AccessToken, Coverage } from './access-token.ts'
export { optionsFromEnvironment } from './environment.ts'
export { PopError } from './errors.ts'
export type { PopErrorCode } from './errors.ts'
export type { ClaimsCheck, CoverageRequirement, RequiredScheme } from './guards.ts'
export type { Jwk } from './keys/jwk.ts'
export type { NonceOptions } from './nonce.ts'
export { memoryReplayStore } from './replay/memory.ts'
export { ReplayStoreError } from './replay/store.ts'
export type { ReplayEntry, ReplayStore } from './replay/store.ts'
export { bearer } from './schemes/bearer.ts'
export { dpop } from './schemes/dpop.ts'
export type { DpopOptions } from './schemes/dpop.ts'
export { pop } from './schemes/pop.ts'
export type { PopMember, PopOptions } from './schemes/pop-options.ts'
export type { Scheme } from './schemes/scheme.ts'
export { introspectedTokens } from './tokens/introspection.ts'
export type {
  Authenticate,
  IntrospectedTokensOptions,
  IntrospectionCacheOptions,
} from './tokens/introspection.ts'
export { jwtTokens } from './tokens/jwt.ts'
export type { JwtTokensOptions } from './tokens/jwt.ts'
export type { ResolvedToken, TokenResolver } from './tokens/resolver.ts'
export { storedTokens } from './tokens/stored.ts'
export type { StoredLookup, StoredRecord, StoredTokensOptions } from './tokens/stored.ts'
export type { TokenCacheOptions } from './tokens/token-cache.ts'
