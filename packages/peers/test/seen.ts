import type { Mode } from './resource-servers.ts'

/** What a client is seen to do, in the words of `describe-peer.ts`. */
export interface Seen {
  /** The part of the package that sends the requests. */
  readonly by: string
  readonly proofs: string
  readonly nonces: Readonly<Record<Mode, string>>
  /** How many of twenty first calls at once get in where nonces are required. */
  readonly together: number
  /** What the thief of a token sees; without this, 401 invalid_token. */
  readonly stolen?: string
}

/** Sends back the nonce that it was given, and tries again where it is told to. */
const remembers = {
  off: 'works',
  offered: 'works, takes up the nonce',
  required: 'works, asked once',
  'required, for a second': 'works, asked 2 times',
} as const

/** Tries again where it is told to, and forgets the nonce. */
const forgets = {
  off: 'works',
  offered: 'works',
  required: 'works, asked 4 times',
  'required, for a second': 'works, asked 4 times',
} as const

/** Knows nothing of nonces of resource servers. */
const ignores = {
  off: 'works',
  offered: 'works',
  required: '401 use_dpop_nonce',
  'required, for a second': '401 use_dpop_nonce',
} as const

const never = <const T extends string>(answer: T) =>
  ({
    off: answer,
    offered: answer,
    required: answer,
    'required, for a second': answer,
  }) as const

/** By the name of the dependency. */
export const seen = {
  'openid-client-6': {
    by: '`fetchProtectedResource`',
    proofs: 'ES256',
    together: 20,
    nonces: remembers,
  },
  'openid-client-5': { by: '`requestResource`', proofs: 'ES256', together: 20, nonces: remembers },
  'oauth4webapi-3.8.8': {
    by: '`protectedResourceRequest`',
    proofs: 'ES256',
    together: 20,
    nonces: remembers,
  },
  'oauth4webapi-3.8.7': {
    by: '`protectedResourceRequest`',
    proofs: 'ES256',
    together: 20,
    nonces: remembers,
  },
  'oauth4webapi-2': {
    by: '`protectedResourceRequest`',
    proofs: 'ES256',
    together: 20,
    nonces: remembers,
  },
  dpop: { by: '`generateProof`', proofs: 'ES256', together: 20, nonces: remembers },
  '@oauth-pop/client': {
    by: '`createDpopFetch`',
    proofs: 'ES256',
    together: 20,
    nonces: remembers,
  },
  '@modelcontextprotocol/client': {
    by: '`withDpop`',
    proofs: 'ES256',
    together: 20,
    nonces: remembers,
  },
  '@modelcontextprotocol/sdk': {
    by: '`withOAuth`',
    proofs: 'none',
    together: 0,
    nonces: never('401'),
    stolen: '401',
  },
  '@atproto/oauth-client': {
    by: '`OAuthSession`',
    proofs: 'ES256',
    together: 20,
    nonces: remembers,
  },
  '@auth0/auth0-spa-js': {
    by: '`createFetcher`',
    proofs: 'ES256',
    together: 20,
    nonces: remembers,
  },
  'oidc-client-ts': {
    by: '`dpopProof` of `UserManager`',
    proofs: 'ES256, query in `htu`',
    together: 20,
    nonces: forgets,
  },
  '@okta/okta-auth-js': {
    by: '`getDPoPAuthorizationHeaders`',
    proofs: 'RS256, query in `htu`',
    together: 20,
    nonces: forgets,
  },
  '@axa-fr/oidc-client': {
    by: '`fetchWithTokens`',
    proofs: 'ES256, query in `htu`',
    together: 0,
    nonces: ignores,
  },
  '@inrupt/solid-client-authn-core-5': {
    by: '`buildAuthenticatedFetch`',
    proofs: 'ES256, no `ath`',
    together: 0,
    nonces: never('401 invalid_dpop_proof'),
    stolen: '401 invalid_dpop_proof',
  },
  '@inrupt/solid-client-authn-core-4': {
    by: '`buildAuthenticatedFetch`',
    proofs: 'ES256, no `ath`',
    together: 0,
    nonces: never('401 invalid_dpop_proof'),
    stolen: '401 invalid_dpop_proof',
  },
} as const satisfies Readonly<Record<string, Seen>>

export type Peer = keyof typeof seen
