import type { ConfirmedProof } from './confirm.ts'

declare const signed: unique symbol

/** A proof whose signature is by the confirmed key; made here alone. */
export interface SignedProof extends ConfirmedProof {
  readonly [signed]: true
}

/** Step 5: the signature. @throws PopError */
export function verifyProof(confirmed: ConfirmedProof): SignedProof {
  confirmed.scheme.verify(confirmed.proof, confirmed.key)
  return confirmed as SignedProof
}
