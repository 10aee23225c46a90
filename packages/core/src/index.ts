export * from './configuration.ts'
export type { SchemeName } from './access-token.ts'
export { requireAuthentication } from './authentication-guard.ts'
export { isPopError, popErrorCodes } from './errors.ts'
export type { Evidence, OAuthErrorWord, RefusalHeaders } from './errors.ts'
export {
  requireAnyScope,
  requireClaims,
  requireCoverage,
  requireScheme,
  requireScopes,
  requireToken,
} from './guards.ts'
export type { RefusalDetail } from './challenge.ts'
export type { Guard, GuardContext } from './guards.ts'
export type { VerifierOptions } from './options.ts'
export type { MemoryReplayStoreOptions } from './replay/memory.ts'
export type { HttpRequest } from './request.ts'
export type { ResolveContext } from './tokens/resolver.ts'
export { createVerifier } from './verifier.ts'
export type { Moment, Verification, Verifier } from './verifier.ts'
