import { exportJWK, generateKeyPair, type JWK } from 'jose'

export async function privateJwk(alg = 'ES256'): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg }
}

export function publicHalf({ kty, crv, x, y, n, e, alg }: JWK): JWK {
  return JSON.parse(JSON.stringify({ kty, crv, x, y, n, e, alg })) as JWK
}
