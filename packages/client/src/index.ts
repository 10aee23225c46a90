export type { AccessTokenSource } from './access-token.ts'
export type { Coverage } from './coverage.ts'
export {
  generateKeyPair,
  type KeyPairOptions,
  type ProofAlgorithm,
  type ProofKeyPair,
} from './key-pair.ts'
export { createPopFetch, type Fetch, type PopFetchOptions } from './pop-fetch.ts'
export { signPopRequest, type PopRequest } from './pop-request.ts'
export type { ProofKey, ProofKeySource } from './proof-key.ts'
export type { SignableBody } from './signed-body.ts'
export type { SignableHeaders } from './signed-headers.ts'
