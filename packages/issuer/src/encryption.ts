import { createPublicKey } from 'node:crypto'
import { CompactEncrypt, type JWK } from 'jose'

/** Encrypts a symmetric key to the resource server, as a compact JWE. */
export type Encrypt = (key: JWK) => Promise<string>

const keyManagement: Readonly<Record<string, readonly string[]>> = {
  'RSA-OAEP-256': ['RSA'],
  'ECDH-ES': ['EC', 'OKP'],
  'ECDH-ES+A128KW': ['EC', 'OKP'],
  'ECDH-ES+A256KW': ['EC', 'OKP'],
}

/**
 * Encryption with the public key of one resource server: RFC 7518 section 4, content with A256GCM.
 *
 * @throws TypeError for anything but a public JWK with a fitting `alg`
 */
export function createEncrypt(encryptionKey: JWK): Encrypt {
  const { alg = '', kty = '', kid, d } = encryptionKey
  if (d !== undefined) throw new TypeError('encryptionKey must be a public key')
  if (!Object.hasOwn(keyManagement, alg) || !keyManagement[alg]?.includes(kty)) {
    throw new TypeError(`encryptionKey needs an alg: ${Object.keys(keyManagement).join(', ')}`)
  }
  const recipient = createPublicKey({ key: { ...encryptionKey }, format: 'jwk' })
  const header = { alg, enc: 'A256GCM', ...(kid !== undefined && { kid }) }
  return async (key) =>
    new CompactEncrypt(new TextEncoder().encode(JSON.stringify(key)))
      .setProtectedHeader(header)
      .encrypt(recipient)
}
