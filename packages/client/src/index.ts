export type { AccessTokenSource } from './access-token.ts'
export type { ProofAlgorithm, SecretAlgorithm } from './algorithms.ts'
export type { Coverage } from './coverage.ts'
export type { JWK } from 'jose'
export { BodySentError, NonceLoopError, readRefusal, type Refusal } from './challenge.ts'
export { createDpopFetch, type DpopFetchOptions } from './dpop-fetch.ts'
export { createDpopProof, type DpopRequest } from './dpop-proof.ts'
export {
  confirmationRequest,
  generateKeyPair,
  keyThumbprint,
  type KeyPairOptions,
  type ProofKeyPair,
} from './key-pair.ts'
export { createPopFetch, type PopFetchOptions } from './pop-fetch.ts'
export { signPopRequest, type PopRequest } from './pop-request.ts'
export type { ProofKey, ProofKeySource, ProofSigner } from './proof-key.ts'
export type { Fetch } from './proved-fetch.ts'
export type { SignableBody } from './signed-body.ts'
export type { SignableHeaders } from './signed-headers.ts'
export type { Transport } from './transport.ts'
