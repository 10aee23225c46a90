export { IssuerError } from './errors.ts'
export {
  createIssuer,
  type IntrospectionResponse,
  type Issuer,
  type IssuerOptions,
  type KeyBinding,
  type TokenRequest,
  type TokenResponse,
} from './issuer.ts'
export { memoryTokenStore, type TokenRecord, type TokenStore } from './token-store.ts'
