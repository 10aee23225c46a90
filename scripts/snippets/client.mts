// What the blocks of the client take from their reader. Nothing is sent.
import { webcrypto } from 'node:crypto'
import { generateKeyPair, type JWK } from '@oauth-pop/client'

globalThis.fetch = async () => Response.json({})
export const response = Response.json({})

export const requestToken = async (_form: { req_cnf: string }): Promise<string> => 'access-token'
const pair = await generateKeyPair({ algorithm: 'ES256', extractable: true })
export const key = pair
export const accessToken = 'access-token'
export const jwk: JWK = pair.jwk
export const keyService = {
  sign: async (bytes: Uint8Array): Promise<Uint8Array> => new Uint8Array(64).fill(bytes.length),
}
export const tokenResponse = {
  access_token: 'access-token',
  access_token_key: (await webcrypto.subtle.exportKey('jwk', pair.privateKey)) as JWK,
  alg: 'ES256',
}
/** PEM of the client's certificate. */
export const [cert, certKey] = new Array<string | undefined>(2)
