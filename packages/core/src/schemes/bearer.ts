import { noCoverage } from '../access-token.ts'
import { refuseBound } from '../confirmation/absent.ts'
import type { Scheme } from './scheme.ts'

/**
 * Plain bearer tokens (RFC 6750), from the `Authorization` header only, for the time in which some
 * clients cannot sign yet. Refuses a token that is bound to any key.
 *
 * A bearer token works for whoever holds it.
 */
export function bearer(): Scheme {
  return Object.freeze<Scheme>({
    name: 'Bearer',
    challenge: 'Bearer',
    proofError: 'invalid_token',
    accepts: (word) => word === 'bearer',
    read: ({ value }) => ({ accessToken: value }),
    async confirm(_proof, token) {
      refuseBound(token)
      return undefined
    },
    verify() {},
    compare: async () => noCoverage,
    identify: () => undefined,
  })
}
