export type { ClientConnection } from './client-certificate.ts'
export { readConfirmationRequest, type TokenRequestParameters } from './confirmation-request.ts'
export { readDpopJkt, type DpopOptions } from './dpop.ts'
export { IssuerError, type IssuerErrorWord } from './errors.ts'
export {
  createIssuerHandler,
  type Grant,
  type GrantRequest,
  type IssuerHandlerOptions,
} from './handler.ts'
export {
  createIssuer,
  type IntrospectionResponse,
  type IssueRequest,
  type Issuer,
  type IssuerOptions,
  type TokenResponse,
} from './issuer.ts'
export type { JWK } from 'jose'
export type { KeyBinding, SecretAlgorithm } from './key-binding.ts'
export type {
  ClientRegistration,
  Registrations,
  ResourceServerRegistration,
} from './registrations.ts'
export type { SignatureAlgorithm } from './signature-algorithms.ts'
export { memoryTokenStore, type TokenRecord, type TokenStore } from './token-store.ts'
