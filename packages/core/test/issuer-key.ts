import { exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose'

/** A key of an authorization server. */
export interface IssuerKey {
  readonly kid: string
  readonly privateKey: CryptoKey
  /** The public half, as a key set has it. */
  readonly jwk: JWK
}

export async function createIssuerKey(
  kid: string,
  algorithm: 'ES256' | 'RS256',
): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid } }
}
