import type { Credential, Exchange, Proof, Scheme } from '../schemes/scheme.ts'

declare const read: unique symbol

/** A proof that has passed every check that needs neither key nor I/O; `readProof` alone makes one. */
export interface ReadProof {
  readonly [read]: true
  readonly scheme: Scheme
  readonly credential: Credential
  readonly exchange: Exchange
  readonly proof: Proof
}

/** Step 2: lengths, encodings, JSON, type, algorithm, members, time. @throws PopError */
export function readProof(credential: Credential, exchange: Exchange): ReadProof {
  const { scheme } = credential
  return { scheme, credential, exchange, proof: scheme.read(credential, exchange) } as ReadProof
}
