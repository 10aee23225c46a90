import { CompactEncrypt, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { expect, test } from 'vitest'
import { createDecrypt } from '../src/tokens/decryption.ts'

const pair = await generateKeyPair('RSA-OAEP-256', { extractable: true })
const key = { ...(await exportJWK(pair.privateKey)) }
const other = await generateKeyPair('RSA-OAEP-256', { extractable: true })

async function encrypt(header: { alg: string; kid?: string }): Promise<string> {
  const { kty, n, e } = key
  return new CompactEncrypt(Buffer.from('secret'))
    .setProtectedHeader({ enc: 'A256GCM', ...header })
    .encrypt(await importJWK({ kty, n, e } as JWK, header.alg))
}

const named = { ...key, kid: 'a', alg: 'RSA-OAEP-256', use: 'enc' }
const stranger = { ...(await exportJWK(other.privateKey)), kid: 'a' }

test.each([
  ['a key without a name', { alg: 'RSA-OAEP-256', kid: 'a' }, [key], true],
  ['the key of that kid, alg and use', { alg: 'RSA-OAEP-256', kid: 'a' }, [named], true],
  ['the key of that alg', { alg: 'RSA-OAEP-256' }, [named], true],
  ['one of two keys that fit', { alg: 'RSA-OAEP-256', kid: 'a' }, [stranger, named], true],
  ['another key', { alg: 'RSA-OAEP-256' }, [stranger], false],
  ['a key of another kid', { alg: 'RSA-OAEP-256', kid: 'b' }, [named], false],
  ['a key of another alg', { alg: 'RSA-OAEP' }, [named], false],
  ['a key for signatures', { alg: 'RSA-OAEP-256' }, [{ ...key, use: 'sig' }], false],
])(
  '%s decrypts or not',
  { tags: ['rule-decryption-key-purpose'] },
  async (_, header, keys, opens) => {
    const plaintext = await createDecrypt(keys)(await encrypt(header))
    expect(plaintext && Buffer.from(plaintext).toString()).toBe(opens ? 'secret' : undefined)
  },
)
