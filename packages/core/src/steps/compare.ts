import type { Coverage } from '../access-token.ts'
import type { SignedProof } from './verify.ts'

declare const compared: unique symbol

/** A proof that was made for the request that arrived; made here alone. */
export interface ComparedProof extends SignedProof {
  readonly [compared]: true
  readonly coverage: Coverage
}

/** Step 6: what was signed against what arrived. @throws PopError */
export async function compareRequest(signed: SignedProof): Promise<ComparedProof> {
  const { scheme, credential, exchange, proof, token, key } = signed
  const coverage = await scheme.compare(proof, exchange)
  return { scheme, credential, exchange, proof, token, key, coverage } as ComparedProof
}
