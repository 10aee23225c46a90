import {
  createHash,
  createHmac,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  sign as signBytes,
  verify,
  type KeyObject,
} from 'node:crypto'
import {
  confirmationRequest,
  generateKeyPair,
  keyThumbprint,
  signPopRequest,
  type ProofAlgorithm,
  type ProofKey,
  type ProofSigner,
} from '@oauth-pop/client'
import { calculateJwkThumbprint, exportJWK, type JWK } from 'jose'
import { afterEach, describe, expect, test, vi } from 'vitest'

const request = { method: 'GET', url: 'https://api.example.com/', accessToken: 'token' }

function partsOf(jws: string): { header: unknown; payload: Record<string, unknown> } {
  const [header, payload] = jws
    .split('.', 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as object)
  return { header, payload: payload as Record<string, unknown> }
}

const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

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

  test.each([
    [
      'with another hash',
      (bytes: Uint8Array, key: KeyObject) => signBytes('sha512', bytes, { key, dsaEncoding }),
    ],
    [
      'with another key',
      (bytes: Uint8Array) => signBytes('sha256', bytes, { key: otherKey, dsaEncoding }),
    ],
    [
      'a hash of the bytes',
      (bytes: Uint8Array, key: KeyObject) =>
        signBytes('sha256', createHash('sha256').update(bytes).digest(), { key, dsaEncoding }),
    ],
  ])('that signs %s is told so at once', { tags: ['rule-client-acceptable'] }, async (_, sign) => {
    const { privateKey, jwk } = await generateKeyPair({ algorithm: 'ES256', extractable: true })
    const key = createPrivateKey({ key: { ...(await exportJWK(privateKey)) }, format: 'jwk' })
    const signer: ProofSigner = { algorithm: 'ES256', jwk, sign: (bytes) => sign(bytes, key) }
    await expect(signPopRequest({ ...request, key: signer })).rejects.toThrow(
      'the signature is not an ES256 signature of the bytes by the private half of jwk',
    )
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

describe('a private JWK without alg', () => {
  test.each([
    ['P-256', 'ES256', 'ES256'],
    ['P-384', 'ES384', 'ES384'],
    ['P-521', 'ES512', 'ES512'],
    ['Ed25519', 'Ed25519', 'EdDSA'],
  ] as const)('on %s signs with the algorithm of its curve', async (_, algorithm, chosen) => {
    const { privateKey } = await generateKeyPair({ algorithm, extractable: true })
    const { header, payload } = partsOf(
      await signPopRequest({ ...request, key: await exportJWK(privateKey) }),
    )
    expect(header).toEqual({ typ: 'pop', alg: chosen })
    expect(payload['cnf']).toMatchObject({ jwk: { alg: chosen } })
  })
})

function rsaJwk(modulusLength: number, publicExponent = 65_537): JWK {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent })
  return { ...(privateKey.export({ format: 'jwk' }) as JWK), alg: 'RS256' }
}

const rsa = rsaJwk(2048)
const rsaSigner: ProofSigner = {
  algorithm: 'RS256',
  jwk: { kty: 'RSA', n: String(rsa.n), e: 'AQAB' },
  sign: () => randomBytes(256),
}
/** Shaped like those of CVE-2017-15361: k * primorial + 65537 ^ a. */
const rocaModulus = ((): string => {
  const primorial = [
    2n,
    3n,
    5n,
    7n,
    11n,
    13n,
    17n,
    19n,
    23n,
    29n,
    31n,
    37n,
    41n,
    43n,
    47n,
    53n,
    59n,
  ]
    .concat([61n, 67n, 71n, 73n, 79n, 83n, 89n, 97n, 101n, 103n, 107n, 109n, 113n, 127n, 131n])
    .concat([137n, 139n, 149n, 151n, 157n, 163n, 167n])
    .reduce((product, prime) => product * prime, 1n)
  const modulus = (2n ** 2047n / primorial + 1n) * primorial + 65_537n ** 3n
  return Buffer.from(modulus.toString(16), 'hex').toString('base64url')
})()
const { x: point = '', y: other = '' } = pair.jwk
const refused: Readonly<Record<string, readonly [key: ProofKey, said: string]>> = {
  'RSA of 1024 bits': [rsaJwk(1024), '2048 to 4096 bits'],
  'RSA of 2047 bits': [rsaJwk(2047), '2048 to 4096 bits'],
  'RSA of 4104 bits': [
    {
      ...rsaSigner,
      jwk: { ...rsaSigner.jwk, n: randomBytes(512).toString('base64url').replace(/^/, 'AQAA') },
    },
    '2048 to 4096 bits',
  ],
  'RSA with exponent 3': [rsaJwk(2048, 3), 'exponent'],
  'RSA with an exponent of 33 bits': [
    { ...rsaSigner, jwk: { ...rsaSigner.jwk, e: 'AQAAAAE' } },
    'exponent',
  ],
  'RSA that can be factored': [
    { ...rsaSigner, jwk: { ...rsaSigner.jwk, n: rocaModulus } },
    'CVE-2017-15361',
  ],
  'RSA without alg': [{ ...rsa, alg: undefined } as never, 'such as RS256 or PS256'],
  'RSA with a leading zero': [
    {
      ...rsaSigner,
      jwk: {
        ...rsaSigner.jwk,
        n: Buffer.concat([Buffer.alloc(1), Buffer.from(String(rsa.n), 'base64url')]).toString(
          'base64url',
        ),
      },
    },
    'n of the key must be base64url',
  ],
  'a padded coordinate': [{ ...privateJwk, x: `${point}=` }, 'x of the key must be base64url'],
  'a point off its curve': [{ ...privateJwk, x: other, y: point }, 'not a valid one for ES256'],
  'a key for encryption': [{ ...privateJwk, use: 'enc' }, 'its use must be sig'],
  'a key for other operations': [{ ...privateJwk, key_ops: ['deriveBits'] }, 'its key_ops must'],
  'a signer whose key has another alg': [
    { ...rsaSigner, jwk: { ...rsaSigner.jwk, alg: 'PS256' } },
    'the alg of the key is not RS256',
  ],
  'a pair with a public key of another': [
    { ...pair, jwk: (await generateKeyPair({ algorithm: 'ES256' })).jwk },
    'by the private half of jwk',
  ],
  'an RSA pair for another padding': [
    { ...(await generateKeyPair({ algorithm: 'RS256' })), algorithm: 'PS256', jwk: rsaSigner.jwk },
    'does not sign with PS256',
  ],
  'a secret with bits to spare': [
    { kty: 'oct', k: `${k.slice(0, -1)}B`, alg: 'HS256' },
    'k of a symmetric JWK',
  ],
  'a padded secret': [{ kty: 'oct', k: `${k}=`, alg: 'HS256' }, 'k of a symmetric JWK'],
  'a secret for encryption': [{ kty: 'oct', k, alg: 'HS256', use: 'enc' }, 'its use must be sig'],
}

test.each(Object.entries(refused))(
  'refuses %s at once, and says why',
  { tags: ['rule-client-acceptable'] },
  async (_, [key, said]) => {
    const signing = signPopRequest({ ...request, key })
    await expect(signing).rejects.toThrow(TypeError)
    await expect(signing).rejects.toThrow(said)
  },
)

describe('the name of a key in a token request', () => {
  const decode = (text: string): unknown => JSON.parse(Buffer.from(text, 'base64url').toString())

  test('is the thumbprint of a pair', () => {
    expect(decode(confirmationRequest(pair))).toEqual({ kid: pair.thumbprint })
  })

  test('is found for a signer and for a private JWK', async () => {
    const thumbprint = await keyThumbprint(rsaSigner)
    expect(thumbprint).toBe(await calculateJwkThumbprint(rsaSigner.jwk))
    expect(decode(confirmationRequest({ thumbprint }))).toEqual({ kid: thumbprint })
    expect(await keyThumbprint(privateJwk)).toBe(pair.thumbprint)
    expect(await keyThumbprint(pair)).toBe(pair.thumbprint)
  })

  test.each([
    ['a signer', rsaSigner],
    ['a JWK', pair.jwk],
    ['nothing', undefined],
    ['a promise of one', { thumbprint: keyThumbprint(pair) }],
    ['another hash', { thumbprint: pair.thumbprint.slice(1) }],
  ])('is missed in %s, with what to write', (_, key) => {
    expect(() => confirmationRequest(key as never)).toThrow(TypeError)
    expect(() => confirmationRequest(key as never)).toThrow('await keyThumbprint(key)')
  })

  test('is never the hash of a secret', async () => {
    await expect(keyThumbprint({ kty: 'oct', k, alg: 'HS256' })).rejects.toThrow(TypeError)
  })
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
