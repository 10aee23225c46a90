import { createHmac, createPrivateKey, randomBytes, sign as signBytes, verify } from 'node:crypto'
import {
  generateKeyPair,
  signPopRequest,
  type ProofAlgorithm,
  type ProofKey,
  type ProofSigner,
} from '@oauth-pop/client'
import { exportJWK, type JWK } from 'jose'
import { afterEach, describe, expect, test, vi } from 'vitest'

const request = { method: 'GET', url: 'https://api.example.com/', accessToken: 'token' }

function partsOf(jws: string): { header: unknown; payload: Record<string, unknown> } {
  const [header, payload] = jws
    .split('.', 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as object)
  return { header, payload: payload as Record<string, unknown> }
}

describe('a signer outside of this process', () => {
  const dsaEncoding = 'ieee-p1363'
  const hashes = { ES256: 'sha256', ES384: 'sha384', RS256: 'sha256', EdDSA: null } as const

  async function createSigner(algorithm: keyof typeof hashes): Promise<ProofSigner> {
    const { privateKey, jwk } = await generateKeyPair({ algorithm, extractable: true })
    const key = createPrivateKey({ key: { ...(await exportJWK(privateKey)) }, format: 'jwk' })
    const hash = hashes[algorithm]
    return { algorithm, jwk, sign: async (bytes) => signBytes(hash, bytes, { key, dsaEncoding }) }
  }

  test.each(Object.keys(hashes) as (keyof typeof hashes)[])(
    'signs the proof with %s',
    async (algorithm) => {
      const signer = await createSigner(algorithm)
      const jws = await signPopRequest({ ...request, key: async () => signer })
      const { header, payload } = partsOf(jws)
      expect(header).toEqual({ typ: 'pop', alg: algorithm })
      expect(payload['cnf']).toEqual({ jwk: signer.jwk })
      const end = jws.lastIndexOf('.')
      const signature = Buffer.from(jws.slice(end + 1), 'base64url')
      const key = { key: signer.jwk as never, format: 'jwk', dsaEncoding } as const
      expect(verify(hashes[algorithm], Buffer.from(jws.slice(0, end)), key, signature)).toBe(true)
    },
  )

  test('never shows a private member that its key has', async () => {
    const signer = await createSigner('ES256')
    const jwk = { ...signer.jwk, d: 'secret' }
    const jws = await signPopRequest({ ...request, key: { ...signer, jwk } })
    expect(partsOf(jws).payload['cnf']).toEqual({ jwk: signer.jwk })
  })

  test('with a public key of another curve is refused', async () => {
    const signer = await createSigner('ES384')
    const key = { ...signer, algorithm: 'ES256' } as const
    await expect(signPopRequest({ ...request, key })).rejects.toThrow(
      'the key is not one for ES256',
    )
  })

  test('that answers DER is told so', async () => {
    const signer = await createSigner('ES256')
    const sign = (): Uint8Array => Buffer.concat([Buffer.from('3044', 'hex'), randomBytes(68)])
    await expect(signPopRequest({ ...request, key: { ...signer, sign } })).rejects.toThrow(
      'an ES256 signature has 64 bytes, r and s side by side; DER must be taken apart',
    )
  })

  test.each([
    ['nothing', undefined],
    ['no bytes', new Uint8Array()],
    ['text', 'signature'],
  ])('that answers %s is refused', async (_, answer) => {
    const signer = { ...(await createSigner('RS256')), sign: () => answer as never }
    await expect(signPopRequest({ ...request, key: signer })).rejects.toThrow(TypeError)
  })

  test('that fails ends in its own error', async () => {
    const down = new Error('key service is down')
    const signer = { ...(await createSigner('RS256')), sign: vi.fn<() => never>() }
    signer.sign.mockImplementation(() => {
      throw down
    })
    await expect(signPopRequest({ ...request, key: signer })).rejects.toBe(down)
  })
})

describe('a secret', () => {
  test.each([
    ['HS256', 'sha256', 32],
    ['HS384', 'sha384', 48],
    ['HS512', 'sha512', 64],
  ])('signs the proof with %s and is not in it', async (alg, hash, bytes) => {
    const secret = randomBytes(bytes)
    const key = { kty: 'oct', k: secret.toString('base64url'), alg }
    const jws = await signPopRequest({ ...request, key })
    const end = jws.lastIndexOf('.')
    const mac = createHmac(hash, secret).update(jws.slice(0, end)).digest('base64url')
    expect(jws.slice(end + 1)).toBe(mac)
    const { header, payload } = partsOf(jws)
    expect(header).toEqual({ typ: 'pop', alg })
    expect(payload).not.toHaveProperty('cnf')
    await expect(
      signPopRequest({ ...request, key: { ...key, k: secret.subarray(1).toString('base64url') } }),
    ).rejects.toThrow(`${bytes} bytes`)
  })
})

const pair = await generateKeyPair({ algorithm: 'ES256', extractable: true })
const privateJwk: JWK = { ...(await exportJWK(pair.privateKey)), alg: 'ES256' }
const k = randomBytes(64).toString('base64url')
const wrong: Readonly<Record<string, unknown>> = {
  nothing: undefined,
  text: 'key',
  'a pair with the algorithm of another type': { ...pair, algorithm: 'RS256' },
  'a pair with the algorithm of another': { ...pair, algorithm: 'ES384' },
  'a public key': pair.jwk,
  'a private key without alg': { ...privateJwk, alg: undefined },
  'a private key with the alg of another': { ...privateJwk, alg: 'RS256' },
  'a private key with the alg of a secret': { ...privateJwk, alg: 'HS256' },
  'a private key that is damaged': { ...privateJwk, d: 'AA' },
  'a secret without alg': { kty: 'oct', k },
  'a secret with the alg of a pair': { kty: 'oct', k, alg: 'ES256' },
  'a secret with an alg that nobody knows': { kty: 'oct', k, alg: 'HS1' },
  'a pair without algorithm': { ...pair, algorithm: undefined },
  'a pair for none': { ...pair, algorithm: 'none' as ProofAlgorithm },
  'a pair without a public key': { ...pair, jwk: undefined },
  'a signer without a public key': { algorithm: 'ES256', sign: () => new Uint8Array(64) },
  'a signer with a secret': { algorithm: 'ES256', jwk: { kty: 'oct', k }, sign: () => k },
}

test.each(Object.entries(wrong))('refuses %s as a key', async (_, key) => {
  await expect(signPopRequest({ ...request, key: key as ProofKey })).rejects.toThrow(TypeError)
  const late = async (): Promise<ProofKey> => key as ProofKey
  await expect(signPopRequest({ ...request, key: late })).rejects.toThrow(TypeError)
})

test('refuses a pair that is not there yet, and says what to write', async () => {
  const key = generateKeyPair({ algorithm: 'ES256' }) as unknown as ProofKey
  await expect(signPopRequest({ ...request, key })).rejects.toThrow('a function that finds it')
})

describe('where there is no WebCrypto, as in a page that came over http', () => {
  afterEach(() => vi.unstubAllGlobals())

  test.each([
    ['making a key', () => generateKeyPair({ algorithm: 'ES256' })],
    ['signing with a pair', () => signPopRequest({ ...request, key: pair })],
    ['signing with a private JWK', () => signPopRequest({ ...request, key: { ...privateJwk } })],
    [
      'signing with a secret',
      () => signPopRequest({ ...request, key: { kty: 'oct', k, alg: 'HS256' } }),
    ],
  ])('%s says so', async (_, act) => {
    vi.stubGlobal('crypto', { getRandomValues: <T>(bytes: T) => bytes })
    await expect(act()).rejects.toThrow('https')
  })
})
