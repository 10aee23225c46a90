// What the blocks of the client take from their reader. Nothing is sent.
import type { JWK } from '@oauth-pop/client'
globalThis.fetch = async () => Response.json({})

export const requestToken = async (_form: { req_cnf: string }): Promise<string> => 'access-token'
export const jwk: JWK = { kty: 'EC', crv: 'P-256', x: '', y: '' }
export const keyService = {
  sign: async (bytes: Uint8Array): Promise<Uint8Array> => new Uint8Array(64).fill(bytes.length),
}
