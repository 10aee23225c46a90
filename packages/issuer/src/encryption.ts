import { createPublicKey } from 'node:crypto'
import { CompactEncrypt, type JWK } from 'jose'

/** Encrypts a symmetric key to the resource server, as a compact JWE. */
export type Encrypt = (key: JWK) => Promise<string>

const agreement = ['P-256', 'P-384', 'P-521', 'X25519']
const keyManagement: Readonly<Record<string, readonly string[]>> = {
  'RSA-OAEP-256': ['RSA'],
  'ECDH-ES': agreement,
  'ECDH-ES+A128KW': agreement,
  'ECDH-ES+A256KW': agreement,
}

/**
 * Encryption with the public key of one resource server: RFC 7518 section 4, content with A256GCM.
 *
 * @throws TypeError for anything but a public JWK with a fitting `alg`
 */
export function createEncrypt(encryptionKey: JWK): Encrypt {
  const { alg = '', kty = '', crv = kty, kid, d, use = 'enc' } = encryptionKey
  if (d !== undefined) throw new TypeError('encryptionKey must be a public key')
  if (use !== 'enc') throw new TypeError('encryptionKey must be for encryption')
  if (!Object.hasOwn(keyManagement, alg) || !keyManagement[alg]?.includes(crv))
    throw new TypeError(
      `encryptionKey needs an alg that fits: ${Object.keys(keyManagement).join(', ')}`,
    )
  const recipient = createPublicKey({ key: { ...encryptionKey }, format: 'jwk' })
  if ((recipient.asymmetricKeyDetails?.modulusLength ?? 2048) < 2048)
    throw new TypeError('encryptionKey must have at least 2048 bits')
  const header = { alg, enc: 'A256GCM', ...(kid !== undefined && { kid }) }
  return async (key) =>
    new CompactEncrypt(new TextEncoder().encode(JSON.stringify(key)))
      .setProtectedHeader(header)
      .encrypt(recipient)
}
