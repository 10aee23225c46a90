import { generateKeyPair } from '@oauth-pop/client'
import type { TokenResolver } from '@oauth-pop/core'

/** The client's key, and a token source that knows every token as bound to it. */
export const key = await generateKeyPair({ algorithm: 'ES256' })
export const tokens: TokenResolver = {
  resolve: async () => ({
    claims: {},
    confirmation: { kid: key.thumbprint },
    scopes: [],
    audience: [],
  }),
}

/** The same for `dpop()`. */
export const dpopTokens: TokenResolver = {
  resolve: async () => ({
    claims: {},
    confirmation: { jkt: key.thumbprint },
    scopes: [],
    audience: [],
  }),
}
