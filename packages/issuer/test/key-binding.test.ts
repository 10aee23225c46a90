import { generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  createIssuer,
  memoryTokenStore,
  type Issuer,
  type IssuerOptions,
  type KeyBinding,
  type TokenStore,
} from '@oauth-pop/issuer'
import {
  calculateJwkThumbprint,
  compactDecrypt,
  decodeJwt,
  decodeProtectedHeader,
  importJWK,
  type JWK,
} from 'jose'
import { describe, expect, test, vi } from 'vitest'
import { privateJwk, publicHalf } from './keys.ts'

const request = {
  clientId: 'app',
  subject: 'alice',
  audience: 'https://api.example.com',
  scope: 'read',
}
const key = await privateJwk('ES256')
const jwk = publicHalf(key)
const thumbprint = await calculateJwkThumbprint(jwk)
const ed = publicHalf(await privateJwk('EdDSA'))
const decryptionKey = await privateJwk('ECDH-ES')
const encryptionKey = { ...publicHalf(decryptionKey), kid: 'api-1' }

/** An issuer whose store shows all that was ever written to it. */
async function createWatched(
  options: Partial<IssuerOptions> = {},
): Promise<{ issuer: Issuer; put: TokenStore['put'] & { mock: { calls: unknown[] } } }> {
  const kept = memoryTokenStore()
  const put = vi.fn<TokenStore['put']>((...record) => kept.put(...record))
  const issuer = createIssuer({
    issuer: 'https://as.example.com',
    tokens: 'opaque',
    signingKey: await privateJwk(),
    encryptionKey,
    store: { ...kept, put },
    ...options,
  })
  return { issuer, put }
}

/** What a token says to whoever reads it. */
function readable(token: string): unknown {
  return token.includes('.') ? decodeJwt(token) : token
}

async function decrypt(jwe: unknown): Promise<JWK> {
  const { plaintext } = await compactDecrypt(String(jwe), await importJWK(decryptionKey))
  return JSON.parse(new TextDecoder().decode(plaintext)) as JWK
}

describe.each(['opaque', 'jwt'] as const)('a key in an %s token', (tokens) => {
  test.each([
    ['by value', { by: 'client', jwk }, { jwk }],
    ['by thumbprint', { by: 'client', thumbprint }, { kid: thumbprint }],
  ] as const)('of a client, %s', async (_, binding, cnf) => {
    const { issuer } = await createWatched({ tokens })
    const response = await issuer.issue({ ...request, key: binding })
    const answer = await issuer.introspect(response.access_token)
    expect(answer['cnf']).toEqual(cnf)
    expect(answer['access_token_key']).toEqual('jwk' in cnf ? jwk : undefined)
    expect(response).not.toHaveProperty('access_token_key')
  })

  test.each(['text', 'bytes'] as const)('of a client, a secret as %s', async (form) => {
    const { issuer, put } = await createWatched({ tokens })
    const secret = randomBytes(24).toString('hex')
    const binding = {
      by: 'client',
      secret: form === 'text' ? secret : Buffer.from(secret),
    } as const
    const { access_token: token } = await issuer.issue({ ...request, key: binding })
    const answer = await issuer.introspect(token)
    const k = Buffer.from(secret).toString('base64url')
    const { jwe } = answer['cnf'] as { jwe: string }
    expect(decodeProtectedHeader(jwe)).toEqual({
      alg: 'ECDH-ES',
      enc: 'A256GCM',
      kid: 'api-1',
      epk: expect.anything() as object,
    })
    expect(await decrypt(jwe)).toEqual({ kty: 'oct', k })
    expect(answer).not.toHaveProperty('access_token_key')
    for (const shown of [put.mock.calls, answer, readable(token)]) {
      expect(JSON.stringify(shown)).not.toContain(secret)
      expect(JSON.stringify(shown)).not.toContain(k)
    }
  })

  test.each([
    ['RS256', 'RSA'],
    ['PS384', 'RSA'],
    ['ES512', 'EC'],
    ['EdDSA', 'OKP'],
    ['Ed25519', 'OKP'],
  ] as const)('of a server, a pair for %s', async (algorithm, kty) => {
    const { issuer, put } = await createWatched({ tokens })
    const response = await issuer.issue({ ...request, key: { by: 'server', algorithm } })
    const own = response.access_token_key as JWK
    expect(response.alg).toBe(algorithm)
    expect(own).toMatchObject({ kty, alg: algorithm, kid: await calculateJwkThumbprint(own) })
    const answer = await issuer.introspect(response.access_token)
    const bound = { ...publicHalf(own), kid: own.kid }
    expect(answer).toMatchObject({ cnf: { jwk: bound }, access_token_key: bound })
    const shown = [put.mock.calls, answer, readable(response.access_token)]
    expect(JSON.stringify(shown)).not.toContain(own.d)
  })

  test.each([
    ['HS256', 32],
    ['HS384', 48],
    ['HS512', 64],
  ] as const)('of a server, a secret for %s', async (algorithm, bytes) => {
    const { issuer, put } = await createWatched({ tokens })
    const issue = async (): Promise<readonly [JWK, JWK]> => {
      const response = await issuer.issue({ ...request, key: { by: 'server', algorithm } })
      const answer = await issuer.introspect(response.access_token)
      const shown = [put.mock.calls, answer, readable(response.access_token)]
      expect(JSON.stringify(shown)).not.toContain(response.access_token_key?.k)
      return [
        response.access_token_key as JWK,
        await decrypt((answer['cnf'] as { jwe: string }).jwe),
      ]
    }
    const [[own, forApi], [other]] = [await issue(), await issue()]
    expect(forApi).toEqual(own)
    expect(own).toMatchObject({
      kty: 'oct',
      alg: algorithm,
      kid: await calculateJwkThumbprint(own),
    })
    expect(Buffer.from(String(own.k), 'base64url')).toHaveLength(bytes)
    expect(other.k).not.toBe(own.k)
  })
})

test('a secret travels to a resource server with an RSA key, too', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { issuer } = await createWatched({
    encryptionKey: { ...(publicKey.export({ format: 'jwk' }) as JWK), alg: 'RSA-OAEP-256' },
  })
  const binding = { by: 'server', algorithm: 'HS256' } as const
  const response = await issuer.issue({ ...request, key: binding })
  const { cnf } = (await issuer.introspect(response.access_token)) as { cnf?: { jwe: string } }
  const { plaintext } = await compactDecrypt(String(cnf?.jwe), privateKey)
  expect(JSON.parse(Buffer.from(plaintext).toString())).toEqual(response.access_token_key)
})

const rsaEven = Buffer.alloc(256, 0xfe).toString('base64url')

describe('nothing is stored, and nothing told, for', () => {
  const rsa = (bits: number, publicExponent = 65_537): object =>
    generateKeyPairSync('rsa', { modulusLength: bits, publicExponent }).publicKey.export({
      format: 'jwk',
    })
  const x = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url')
  const wrong: Record<string, unknown> = {
    'a private key': key,
    'a symmetric key': { kty: 'oct', k: 'AAAA' },
    'a public key with a secret beside it': { ...jwk, k: 'AAAA' },
    'an unknown type': { kty: 'XX' },
    'a type of every object': { kty: 'constructor' },
    'an unknown curve': { ...jwk, crv: 'secp256k1' },
    'a curve for key agreement': { kty: 'OKP', crv: 'X25519', x: ed.x },
    'a point off the curve': { ...jwk, y: jwk.x },
    'a key for encryption': { ...jwk, use: 'enc' },
    'a key for other operations': { ...jwk, key_ops: ['sign'] },
    'operations that are no list': { ...jwk, key_ops: 'verify' },
    'an algorithm of another key': { ...jwk, alg: 'RS256' },
    'an algorithm of another curve': { ...jwk, alg: 'ES384' },
    'a symmetric algorithm': { ...jwk, alg: 'HS256' },
    'RSA of 1024 bits': rsa(1024),
    'RSA of 4104 bits': rsa(4104),
    'RSA with an even modulus': { ...rsa(2048), n: rsaEven },
    'RSA with the exponent 3': rsa(2048, 3),
    'RSA with an even exponent': { ...rsa(2048), e: 'AQAC' },
    'RSA with an exponent of 33 bits': { ...rsa(2048), e: 'AQAAAAE' },
    'the neutral point': { kty: 'OKP', crv: 'Ed25519', x: x(`01${'00'.repeat(31)}`) },
    'a point of order 8': {
      kty: 'OKP',
      crv: 'Ed25519',
      x: x('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85'),
    },
    'a point beyond the prime': { kty: 'OKP', crv: 'Ed25519', x: x(`f0${'ff'.repeat(30)}7f`) },
    'no key': undefined,
    text: 'key',
  }

  async function refusalOf(binding: unknown): Promise<unknown> {
    const { issuer, put } = await createWatched()
    const issuing = issuer.issue({ ...request, key: binding as KeyBinding })
    const error: unknown = await issuing.catch((thrown: unknown) => thrown)
    expect(put).not.toHaveBeenCalled()
    return JSON.parse(JSON.stringify(error))
  }

  test.each(Object.entries(wrong))('%s', async (_name, value) => {
    expect(await refusalOf({ by: 'client', jwk: value })).toEqual({
      error: 'invalid_request',
      error_description: 'The key of the request is not a usable public key',
    })
  })

  test.each([
    ['shorter', thumbprint.slice(1)],
    ['of another hash', randomBytes(48).toString('base64url')],
    ['not in base64url', `${thumbprint.slice(0, 42)}+`],
    ['with stray bits', `${thumbprint.slice(0, 42)}B`],
    ['no text', 1],
  ])('a thumbprint that is %s', async (_name, value) => {
    expect(await refusalOf({ by: 'client', thumbprint: value })).toEqual({
      error: 'invalid_request',
      error_description: 'The thumbprint of the request is not a SHA-256 one',
    })
  })

  test.each([
    ['short', randomBytes(31)],
    ['monotonous', 'a'.repeat(64)],
    ['missing', undefined],
  ])('a %s secret', async (_name, value) => {
    expect(await refusalOf({ by: 'client', secret: value })).toEqual({
      error: 'invalid_request',
      error_description: 'The secret of the client is too weak to bind a token',
    })
  })

  test('no way to bind a key', async () => {
    expect(await refusalOf({ by: 'magic' })).toMatchObject({ error: 'invalid_request' })
  })
})

test.each([
  ['a secret of the client', { by: 'client', secret: randomBytes(32) }],
  ['a secret of the server', { by: 'server', algorithm: 'HS256' }],
] as const)('without encryptionKey, %s is a mistake in the program', async (_, binding) => {
  const issuer = createIssuer({ issuer: 'https://as.example.com', tokens: 'opaque' })
  await expect(issuer.issue({ ...request, key: binding })).rejects.toThrow('encryptionKey')
})

test('an algorithm that nobody knows is a mistake in the program', async () => {
  const { issuer, put } = await createWatched()
  const binding = { by: 'server', algorithm: 'none' } as never
  await expect(issuer.issue({ ...request, key: binding })).rejects.toThrow(TypeError)
  expect(put).not.toHaveBeenCalled()
})
