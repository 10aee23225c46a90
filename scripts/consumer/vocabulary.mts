// Every name that all adapters re-export, used once. `#adapter` is the adapter of the project.
import * as adapter from '#adapter'
import {
  bearer,
  dpop,
  introspectedTokens,
  jwtTokens,
  memoryReplayStore,
  optionsFromEnvironment,
  pop,
  PopError,
  ReplayStoreError,
  storedTokens,
  type AccessToken,
  type Authenticate,
  type AuthenticationRequirement,
  type ClaimsCheck,
  type Coverage,
  type CoverageRequirement,
  type DpopOptions,
  type IntrospectedTokensOptions,
  type IntrospectionCacheOptions,
  type Jwk,
  type JwtTokensOptions,
  type NonceOptions,
  type PopErrorCode,
  type PopMember,
  type PopOptions,
  type ReplayEntry,
  type ReplayStore,
  type ResolvedToken,
  type Scheme,
  type StoredLookup,
  type StoredRecord,
  type StoredTokensOptions,
  type TokenCacheOptions,
  type TokenResolver,
} from '#adapter'
import type * as configuration from '@oauth-pop/core/configuration'

export const complete: typeof configuration = adapter

const keys: readonly Jwk[] = []
const cache: TokenCacheOptions = { maxEntries: 10 }
const jwt: JwtTokensOptions = {
  issuer: 'https://as.example.com',
  audience: 'api',
  jwks: { keys },
  cache,
}
const answers: IntrospectionCacheOptions = { seconds: 5, ...cache }
const authenticate: Authenticate = (_server, client, body) => body.set('id', client.client_id)
const introspected: IntrospectedTokensOptions = {
  endpoint: 'https://as.example.com/introspect',
  clientId: 'api',
  authenticate,
  audience: 'api',
  cache: answers,
}
const record: StoredRecord = { active: true, scope: 'photos:read' }
const lookup: StoredLookup = (hash, token) => (hash === token ? undefined : record)
const stored: StoredTokensOptions = { audience: ['api'] }
const nobody: TokenResolver = {
  resolve: async (): Promise<ResolvedToken | undefined> => undefined,
}

const require: readonly PopMember[] = ['ts', 'm', 'u', 'p', 'q']
const proofs: PopOptions = { require, path: 'msal' }
const demonstrations: DpopOptions = { maxProofLength: 4096 }
const schemes: readonly Scheme[] = [pop(proofs), dpop(demonstrations), bearer()]
const nonce: NonceOptions = { required: false }
const once: ReplayStore = {
  async claim({ id, owner, issuedAt, expiresAt }: ReplayEntry) {
    if (expiresAt < issuedAt) throw new ReplayStoreError('ERR_POP_REPLAY_FULL')
    return id !== owner
  },
}

export const options = {
  ...optionsFromEnvironment(),
  tokens: [jwtTokens(jwt), introspectedTokens(introspected), storedTokens(lookup, stored), nobody],
  schemes,
  nonce,
  replay: Math.random() < 0.5 ? once : memoryReplayStore(),
}

export const isOwner: ClaimsCheck = (claims, { subject }) => claims['owner'] === subject
export const everything: CoverageRequirement = { query: true, headers: ['x-tenant'], body: true }
export const recent: AuthenticationRequirement = { acrValues: ['phr'], maxAgeSeconds: 300 }
export const isWhole = ({ coverage }: AccessToken): boolean => coversAll(coverage)
const coversAll = ({ queryComplete, body }: Coverage): boolean => queryComplete && body
export const codeOf = (error: unknown): PopErrorCode | undefined =>
  error instanceof PopError ? error.code : undefined

// @ts-expect-error a resolver without its audience
export const unaddressed = () => jwtTokens({ issuer: 'https://as.example.com' })
// @ts-expect-error a misspelled name
export const misspelled = () => pop({ paht: 'exact' })
