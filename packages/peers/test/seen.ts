import type { Mode } from './resource-servers.ts'

/** What a client is seen to do, in the words of `describe-peer.ts`. */
export interface Seen {
  /** The part of the package that sends the requests. */
  readonly by: string
  readonly proofs: string
  readonly nonces: Readonly<Record<Mode, string>>
  /** What the thief of a token sees; without this, 401 invalid_token. */
  readonly stolen?: string
}

const asWritten = {
  off: 'works',
  offered: 'works, takes up the nonce',
  required: 'works, asked once',
  'required, for a second': 'works, asked 2 times',
} as const

/** By the name of the dependency. */
export const seen = {
  'openid-client-6': {
    by: '`fetchProtectedResource`',
    proofs: 'ES256',
    nonces: asWritten,
  },
  'openid-client-5': { by: '`requestResource`', proofs: 'ES256', nonces: asWritten },
  'oauth4webapi-2': { by: '`protectedResourceRequest`', proofs: 'ES256', nonces: asWritten },
  'oauth4webapi-3.8.7': { by: '`protectedResourceRequest`', proofs: 'ES256', nonces: asWritten },
  'oauth4webapi-3.8.8': { by: '`protectedResourceRequest`', proofs: 'ES256', nonces: asWritten },
  dpop: { by: '`generateProof`', proofs: 'ES256', nonces: asWritten },
  '@oauth-pop/client': { by: '`createDpopFetch`', proofs: 'ES256', nonces: asWritten },
} as const satisfies Readonly<Record<string, Seen>>

export type Peer = keyof typeof seen
