import { CompactEncrypt, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { afterEach, expect, test, vi } from 'vitest'
import type { Jwk } from '@oauth-pop/core'
import { createDecrypt, readDecrypt } from '../src/tokens/decryption.ts'

const pair = await generateKeyPair('RSA-OAEP-256', { extractable: true })
const key = { ...(await exportJWK(pair.privateKey)) }
const other = await generateKeyPair('RSA-OAEP-256', { extractable: true })

async function encrypt(header: { alg: string; kid?: string }): Promise<string> {
  const { kty, n, e } = key
  return new CompactEncrypt(Buffer.from('secret'))
    .setProtectedHeader({ enc: 'A256GCM', ...header })
    .encrypt(await importJWK({ kty, n, e } as JWK, header.alg))
}

afterEach(() => void vi.restoreAllMocks())

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

/** Keys that open nothing of this, but fit by their type. */
async function strangers(count: number): Promise<Jwk[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const { privateKey } = await generateKeyPair('RSA-OAEP-256', { extractable: true })
      return { ...(await exportJWK(privateKey)) }
    }),
  )
}

let imported: readonly unknown[][] = []
/** From now on, the keys that are imported as JWKs. */
function watchImports(): void {
  const spy = vi.spyOn(crypto.subtle, 'importKey')
  imported = spy.mock.calls
}
const imports = (): number => imported.filter(([format]) => format === 'jwk').length

test('a key is imported once for many', { tags: ['rule-decryption-once'] }, async () => {
  const jwe = await encrypt({ alg: 'RSA-OAEP-256' })
  watchImports()
  const decrypt = createDecrypt([stranger, key])
  for (let count = 0; count < 20; count += 1) expect(await decrypt(jwe)).toBeDefined()
  await Promise.all(Array.from({ length: 20 }, () => decrypt(jwe)))
  expect(imports()).toBe(2)
})

test('no more than 4 keys are tried', { tags: ['rule-decryption-once'] }, async () => {
  const others = await strangers(5)
  const jwe = await encrypt({ alg: 'RSA-OAEP-256' })
  watchImports()
  expect(await createDecrypt([...others.slice(0, 3), key])(jwe)).toBeDefined()
  expect(await createDecrypt([...others.slice(0, 4), key])(jwe)).toBeUndefined()
  expect(imports()).toBe(8)
})

test('a key that is named is tried first', { tags: ['rule-decryption-once'] }, async () => {
  const decrypt = createDecrypt([...(await strangers(4)), { ...key, kid: 'a' }])
  expect(await decrypt(await encrypt({ alg: 'RSA-OAEP-256', kid: 'a' }))).toBeDefined()
})

test.each([
  'none',
  'RS256',
  'RSA1_5',
  'PBES2-HS256+A128KW',
  'x',
  '__proto__',
  'A128KW',
  'ECDH-ES',
  5,
])('a key is not imported for %s', { tags: ['rule-decryption-once'] }, async (alg) => {
  const [, ...rest] = (await encrypt({ alg: 'RSA-OAEP-256' })).split('.')
  const header = Buffer.from(JSON.stringify({ alg, enc: 'A256GCM' })).toString('base64url')
  watchImports()
  expect(await createDecrypt([key])([header, ...rest].join('.'))).toBeUndefined()
  expect(imports()).toBe(0)
})

test('a key of another curve is not tried', { tags: ['rule-decryption-once'] }, async () => {
  const pairs = await Promise.all(
    (['P-256', 'P-384'] as const).map((crv) =>
      generateKeyPair('ECDH-ES', { crv, extractable: true }),
    ),
  )
  const keys = await Promise.all(pairs.map(({ privateKey }) => exportJWK(privateKey)))
  const jwe = await new CompactEncrypt(Buffer.from('secret'))
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' })
    .encrypt((pairs[1] as (typeof pairs)[0]).publicKey)
  const decrypt = createDecrypt(keys.map((jwk) => ({ ...jwk })))
  watchImports()
  expect(await decrypt(jwe)).toBeDefined()
  const own = imported.filter(([, jwk]) => Object.hasOwn(jwk as object, 'd'))
  expect(own).toHaveLength(1)
})

test.each([
  [[]],
  [['key']],
  [[{ kty: 'RSA', n: 'x', e: 'AQAB' }]],
  ['key'],
  [null],
  [{ kty: 'oct' }],
])('decryptionKeys may not be %j', (keys) => {
  expect(() => readDecrypt('jwtTokens', keys)).toThrow(
    'jwtTokens decryptionKeys must be a list of private or symmetric keys as JWKs',
  )
})
