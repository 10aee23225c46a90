import { createVerifier, dpop, pop, PopError, storedTokens, type Jwk } from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  dpopRequest,
  hashOf,
  outcomeOf,
  popRequest,
  signCompact,
  signDpop,
  signPop,
  thumbprintOf,
} from '@oauth-pop/testkit'
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { CompactEncrypt, exportJWK, generateKeyPair } from 'jose'
import { describe, expect, test } from 'vitest'

const clock = createClock()
const { holder } = createHolders()
const alice = holder()
const stranger = holder()
const thumbprint = thumbprintOf(alice.jwk)
const otherThumbprint = thumbprintOf(stranger.jwk)

const encryption = await generateKeyPair('RSA-OAEP-256', { extractable: true })
const decryptionKeys = [(await exportJWK(encryption.privateKey)) as Jwk]
const secret = randomBytes(32)
const secretJwk = { kty: 'oct', k: secret.toString('base64url') }

function encrypt(jwk: object): Promise<string> {
  return new CompactEncrypt(Buffer.from(JSON.stringify(jwk)))
    .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' })
    .encrypt(encryption.publicKey)
}

const forUs = await encrypt(secretJwk)

interface Case {
  /** The token's, beside an audience. */
  readonly record: Readonly<Record<string, unknown>>
  /** The proof's own. */
  readonly own?: unknown
  readonly resolveKey?: () => Promise<Jwk | undefined>
}

function judgePop({ record, own, resolveKey }: Case, proof?: string): Promise<string> {
  const verifier = createVerifier({
    publicUrl: apiUrl,
    now: clock.now,
    tokens: storedTokens(() => ({ aud: apiUrl, ...record }), { audience: apiUrl, decryptionKeys }),
    schemes: [pop({ algorithms: ['ES256', 'HS256'], ...(resolveKey && { resolveKey }) })],
  })
  return outcomeOf(
    verifier.verify(popRequest(proof ?? signPop(alice, clock.seconds(), { cnf: own }))),
  )
}

/** A proof with HS256 over the shared secret. */
function signWithSecret(own?: unknown): string {
  const header = { typ: 'pop', alg: 'HS256' }
  const payload = { at: 'token', ts: clock.seconds(), m: 'GET', u: 'api.example.com', p: '/items' }
  const input = [header, { ...payload, cnf: own }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

describe('the confirmation of a PoP token', () => {
  const cnf = (confirmation: unknown): Case => ({ record: { cnf: confirmation } })

  test.each<[string, Case, string]>([
    ['jwk', cnf({ jwk: alice.jwk }), 'accepted'],
    ['jwk of a stranger', cnf({ jwk: stranger.jwk }), 'ERR_POP_PROOF_SIGNATURE_INVALID'],
    ['jwk and its jkt', cnf({ jwk: alice.jwk, jkt: thumbprint }), 'accepted'],
    ['jwk and its kid', cnf({ jwk: alice.jwk, kid: thumbprint }), 'accepted'],
    [
      'jwk and another jkt',
      cnf({ jwk: alice.jwk, jkt: otherThumbprint }),
      'ERR_POP_BINDING_OTHER_KEY',
    ],
    [
      'jwk and another kid',
      cnf({ jwk: alice.jwk, kid: otherThumbprint }),
      'ERR_POP_BINDING_OTHER_KEY',
    ],
    ['jwk and a number as jkt', cnf({ jwk: alice.jwk, jkt: 1 }), 'ERR_POP_CONFIRMATION_INVALID'],
    ['jwk and null as kid', cnf({ jwk: alice.jwk, kid: null }), 'ERR_POP_CONFIRMATION_INVALID'],
    ['jwk and jwe', cnf({ jwk: alice.jwk, jwe: forUs }), 'ERR_POP_CONFIRMATION_INVALID'],
    ['jwk that is a string', cnf({ jwk: 'x' }), 'ERR_POP_CONFIRMATION_KEY_INVALID'],
    [
      'jwk and a certificate',
      cnf({ jwk: alice.jwk, 'x5t#S256': 'x' }),
      'ERR_POP_BINDING_OTHER_METHOD',
    ],
    ['jku', cnf({ jku: 'https://evil.example' }), 'ERR_POP_BINDING_OTHER_METHOD'],
    ['jkt alone', cnf({ jkt: thumbprint }), 'ERR_POP_BINDING_OTHER_METHOD'],
    ['nothing', cnf({}), 'ERR_POP_CONFIRMATION_INVALID'],
    ['a number as kid', cnf({ kid: 1 }), 'ERR_POP_CONFIRMATION_INVALID'],
    ['null', cnf(null), 'ERR_POP_CONFIRMATION_INVALID'],
    ['a list', cnf([{ jwk: alice.jwk }]), 'ERR_POP_CONFIRMATION_INVALID'],
    ['jwe that is no string', cnf({ jwe: {} }), 'ERR_POP_CONFIRMATION_KEY_INVALID'],
    ['a PoP token type', { record: { cnf: { jwk: alice.jwk }, token_type: 'pop' } }, 'accepted'],
    [
      'a DPoP token type',
      { record: { cnf: { jwk: alice.jwk }, token_type: 'DPoP' } },
      'ERR_POP_BINDING_OTHER_METHOD',
    ],
  ])(
    '%s',
    {
      tags: [
        'attack-97',
        'attack-98',
        'attack-100',
        'attack-194',
        'rule-confirmation-all',
        'rule-scheme-of-confirmation',
        'rule-rival-token-type',
        'shr-cnf-jwk',
        'shr-cnf-other-method',
        'shr-cnf-unusable',
      ],
    },
    async (_, given, expected) => {
      expect(await judgePop(given)).toBe(expected)
    },
  )

  test.each<[string, unknown, string]>([
    ['the key itself', { jwk: alice.jwk }, 'accepted'],
    ['no key', undefined, 'ERR_POP_PROOF_MEMBER_MISSING'],
    ['a string', 'x', 'ERR_POP_PROOF_MEMBER_MISSING'],
    ['another key', { jwk: stranger.jwk }, 'ERR_POP_BINDING_OTHER_KEY'],
    ['only a kid', { kid: thumbprint }, 'ERR_POP_PROOF_KEY_INVALID'],
    ['a private key', { jwk: { ...alice.jwk, d: 'AA' } }, 'ERR_POP_PROOF_KEY_INVALID'],
    ['jwk and jwe', { jwk: alice.jwk, jwe: forUs }, 'accepted'],
    ['an encrypted key that nobody named', { jwe: forUs }, 'ERR_POP_PROOF_KEY_INVALID'],
  ])(
    'kid, and %s in the proof',
    {
      tags: [
        'shr-cnf-kid',
        'shr-cnf-kid-other-key',
        'shr-cnf-kid-without-key',
        'rule-key-of-token',
      ],
    },
    async (_, own, expected) => {
      expect(await judgePop({ record: { cnf: { kid: thumbprint } }, own })).toBe(expected)
    },
  )

  test(
    'an encrypted secret in the token',
    { tags: ['attack-95', 'shr-cnf-jwe', 'rule-key-secret'] },
    async () => {
      const record = { cnf: { jwe: forUs } }
      expect(await judgePop({ record }, signWithSecret())).toBe('accepted')
      const other = { cnf: { jwe: await encrypt({ ...secretJwk, k: `${secretJwk.k.slice(1)}A` }) } }
      expect(await judgePop({ record: other }, signWithSecret())).not.toBe('accepted')
      const short = { cnf: { jwe: await encrypt({ kty: 'oct', k: 'AAAA' }) } }
      expect(await judgePop({ record: short }, signWithSecret())).toBe(
        'ERR_POP_CONFIRMATION_KEY_INVALID',
      )
    },
  )

  test(
    'an encrypted secret in the proof counts only when the token has its thumbprint',
    { tags: ['rule-key-of-token'] },
    async () => {
      const own = { jwe: forUs }
      const named = hashOf(JSON.stringify({ k: secretJwk.k, kty: 'oct' }))
      expect(await judgePop({ record: { cnf: { kid: named } } }, signWithSecret(own))).toBe(
        'accepted',
      )
      expect(await judgePop({ record: { cnf: { kid: thumbprint } } }, signWithSecret(own))).toBe(
        'ERR_POP_BINDING_OTHER_KEY',
      )
    },
  )

  test.each<[string, Case, string]>([
    ['a key of the source', { record: { access_token_key: alice.jwk } }, 'accepted'],
    [
      'a key of the source that is no key',
      { record: { access_token_key: 'x' } },
      'ERR_POP_CONFIRMATION_INVALID',
    ],
    ['no key anywhere', { record: {} }, 'ERR_POP_TOKEN_UNBOUND'],
    ['a key of the application', { record: {}, resolveKey: async () => alice.jwk }, 'accepted'],
    [
      'no key of the application',
      { record: {}, resolveKey: async () => undefined },
      'ERR_POP_TOKEN_UNBOUND',
    ],
    [
      'a key of the source before that of the application',
      { record: { access_token_key: stranger.jwk }, resolveKey: async () => alice.jwk },
      'ERR_POP_PROOF_SIGNATURE_INVALID',
    ],
    [
      'a refusal of the application',
      { record: {}, resolveKey: () => Promise.reject(new PopError('ERR_POP_TOKEN_INACTIVE')) },
      'ERR_POP_TOKEN_INACTIVE',
    ],
    [
      'an outage of the application',
      { record: {}, resolveKey: () => Promise.reject(new Error('vault')) },
      'ERR_POP_KEY_SOURCE_UNAVAILABLE',
    ],
  ])(
    'without cnf: %s',
    {
      tags: [
        'shr-key-introspected',
        'shr-key-resolved',
        'shr-cnf-required',
        'rule-resolver-outage',
      ],
    },
    async (_, given, expected) => {
      expect(await judgePop(given)).toBe(expected)
    },
  )

  test(
    'a confirmation always comes before the application',
    { tags: ['shr-key-resolved'] },
    async () => {
      const given = { record: { cnf: { jwk: stranger.jwk } }, resolveKey: async () => alice.jwk }
      expect(await judgePop(given)).toBe('ERR_POP_PROOF_SIGNATURE_INVALID')
    },
  )

  test(
    'a public key is no secret: HS256 over its text is refused',
    { tags: ['shr-symmetric-key-secret'] },
    async () => {
      const given = { record: { cnf: { jwk: alice.jwk } } }
      expect(await judgePop(given, signWithSecret())).toBe('ERR_POP_CONFIRMATION_KEY_INVALID')
    },
  )
})

describe('a shared secret of the application', () => {
  const long = randomBytes(64)

  function judge(alg: string, hash: string, shared: Buffer): Promise<string> {
    const k = shared.toString('base64url')
    const verifier = createVerifier({
      publicUrl: apiUrl,
      now: clock.now,
      tokens: storedTokens(() => ({ aud: apiUrl }), { audience: apiUrl }),
      schemes: [pop({ algorithms: [alg], resolveKey: async () => ({ kty: 'oct', k }) })],
    })
    const unsigned = signPop(alice, clock.seconds(), {}, { alg })
    const input = unsigned.slice(0, unsigned.lastIndexOf('.'))
    const mac = createHmac(hash, shared).update(input).digest('base64url')
    return outcomeOf(verifier.verify(popRequest(`${input}.${mac}`)))
  }

  test.each([
    ['HS256', 'sha256', 'accepted'],
    ['HS384', 'sha384', 'accepted'],
    ['HS512', 'sha512', 'accepted'],
    ['HS384', 'sha256', 'ERR_POP_PROOF_SIGNATURE_INVALID'],
    ['HS512', 'sha256', 'ERR_POP_PROOF_SIGNATURE_INVALID'],
  ])('%s means %s: %s', async (alg, hash, expected) => {
    expect(await judge(alg, hash, long)).toBe(expected)
  })

  test.each([
    ['HS256', 0, 'ERR_POP_CONFIRMATION_KEY_INVALID'],
    ['HS256', 31, 'ERR_POP_CONFIRMATION_KEY_INVALID'],
    ['HS256', 32, 'accepted'],
    ['HS384', 47, 'ERR_POP_CONFIRMATION_KEY_INVALID'],
    ['HS384', 48, 'accepted'],
    ['HS512', 63, 'ERR_POP_CONFIRMATION_KEY_INVALID'],
    ['HS512', 64, 'accepted'],
  ])('for %s of %i bytes: %s', { tags: ['attack-95'] }, async (alg, bytes, expected) => {
    const hash = alg.replace('HS', 'sha')
    expect(await judge(alg, hash, long.subarray(0, bytes))).toBe(expected)
  })
})

describe('the confirmation of a DPoP token', () => {
  test.each<[string, unknown, string]>([
    ['jkt', { jkt: thumbprint }, 'accepted'],
    ['jkt of a stranger', { jkt: otherThumbprint }, 'ERR_POP_BINDING_OTHER_KEY'],
    ['jkt and its jwk', { jkt: thumbprint, jwk: alice.jwk }, 'accepted'],
    ['jkt and another jwk', { jkt: thumbprint, jwk: stranger.jwk }, 'ERR_POP_BINDING_OTHER_KEY'],
    [
      'jkt and a private jwk',
      { jkt: thumbprint, jwk: { ...alice.jwk, d: 'AA' } },
      'ERR_POP_CONFIRMATION_KEY_INVALID',
    ],
    ['jkt and its kid', { jkt: thumbprint, kid: thumbprint }, 'accepted'],
    ['jkt and another kid', { jkt: thumbprint, kid: otherThumbprint }, 'ERR_POP_BINDING_OTHER_KEY'],
    ['jkt that is no string', { jkt: 1 }, 'ERR_POP_CONFIRMATION_INVALID'],
    ['jkt and jwe', { jkt: thumbprint, jwe: forUs }, 'ERR_POP_BINDING_OTHER_METHOD'],
    ['jkt and jku', { jkt: thumbprint, jku: 'x' }, 'ERR_POP_BINDING_OTHER_METHOD'],
    ['jkt and a certificate', { jkt: thumbprint, 'x5t#S256': 'x' }, 'ERR_POP_BINDING_OTHER_METHOD'],
    ['a certificate alone', { 'x5t#S256': 'x' }, 'ERR_POP_BINDING_OTHER_METHOD'],
    ['jwk alone', { jwk: alice.jwk }, 'ERR_POP_BINDING_OTHER_METHOD'],
    ['kid alone', { kid: thumbprint }, 'ERR_POP_BINDING_OTHER_METHOD'],
    ['nothing', {}, 'ERR_POP_CONFIRMATION_INVALID'],
    ['none', undefined, 'ERR_POP_TOKEN_UNBOUND'],
  ])(
    '%s',
    {
      tags: [
        'attack-149',
        'attack-150',
        'answer-dpop-jkt',
        'rule-confirmation-all',
        'rule-scheme-of-confirmation',
      ],
    },
    async (_, cnf, expected) => {
      const verifier = createVerifier({
        publicUrl: apiUrl,
        now: clock.now,
        tokens: storedTokens(() => ({ aud: apiUrl, ...(cnf !== undefined && { cnf }) }), {
          audience: apiUrl,
        }),
        schemes: [dpop()],
      })
      const request = dpopRequest(alice, signDpop(alice, clock.seconds()))
      expect(await outcomeOf(verifier.verify(request))).toBe(expected)
    },
  )
})

function verifierOf(jwk: Jwk): ReturnType<typeof createVerifier> {
  return createVerifier({
    publicUrl: apiUrl,
    now: clock.now,
    tokens: storedTokens(() => ({ aud: apiUrl, cnf: { jwk } }), { audience: apiUrl }),
    replay: 'dangerously-none',
  })
}

test(
  'an Ed25519 signature has one S: more by the order of the group is none',
  { tags: ['attack-108'] },
  async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const verifier = verifierOf(publicKey.export({ format: 'jwk' }) as Jwk)
    const unsigned = signPop(alice, clock.seconds(), {}, { alg: 'EdDSA' })
    const input = unsigned.slice(0, unsigned.lastIndexOf('.'))
    const signature = sign(null, Buffer.from(input), privateKey)
    const judge = (bytes: Buffer): Promise<string> =>
      outcomeOf(verifier.verify(popRequest(`${input}.${bytes.toString('base64url')}`)))
    const order = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`)
    const more = Buffer.from((s + order).toString(16).padStart(64, '0'), 'hex').reverse()
    expect(await judge(signature)).toBe('accepted')
    expect(await judge(Buffer.concat([signature.subarray(0, 32), more]))).toBe(
      'ERR_POP_PROOF_SIGNATURE_INVALID',
    )
  },
)

describe('ECDSA signatures', () => {
  const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const

  test('of many proofs all verify, those with leading zeros too', async () => {
    const verifier = verifierOf(alice.jwk)
    let zeros = 0
    for (let index = 0; zeros < 4 && index < 5000; index += 1) {
      const proof = signPop(alice, clock.seconds())
      const signature = Buffer.from(proof.slice(proof.lastIndexOf('.') + 1), 'base64url')
      if (signature[0] === 0 || signature[32] === 0) zeros += 1
      expect(await outcomeOf(verifier.verify(popRequest(proof)))).toBe('accepted')
    }
    expect(zeros).toBe(4)
  })

  test.each(Object.entries(curves))(
    '%s: only the exact form is a signature',
    { tags: ['attack-109'] },
    async (alg, crv) => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: crv })
      const verifier = verifierOf(publicKey.export({ format: 'jwk' }) as Jwk)
      const unsigned = signCompact(
        { typ: 'pop', alg },
        { at: 'token', ts: clock.seconds(), m: 'GET', u: 'api.example.com', p: '/items' },
        alice.privateKey,
      )
      const input = unsigned.slice(0, unsigned.lastIndexOf('.'))
      const hash = `sha${alg.slice(2)}`
      const raw = sign(hash, Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      const der = sign(hash, Buffer.from(input), { key: privateKey, dsaEncoding: 'der' })
      const size = raw.length / 2
      const judge = (signature: Uint8Array): Promise<string> => {
        const proof = `${input}.${Buffer.from(signature).toString('base64url')}`
        return outcomeOf(verifier.verify(popRequest(proof)))
      }
      expect(await judge(raw)).toBe('accepted')
      const wrong = {
        der,
        'all zeros': Buffer.alloc(raw.length),
        'r zero': Buffer.concat([Buffer.alloc(size), raw.subarray(size)]),
        's zero': Buffer.concat([raw.subarray(0, size), Buffer.alloc(size)]),
        'all ones': Buffer.alloc(raw.length, 0xff),
        swapped: Buffer.concat([raw.subarray(size), raw.subarray(0, size)]),
        'a byte more': Buffer.concat([raw, Buffer.alloc(1)]),
        'a byte less': raw.subarray(0, raw.length - 1),
        'one byte': raw.subarray(0, 1),
        'both halves a byte longer': Buffer.concat([
          Buffer.alloc(1),
          raw.subarray(0, size),
          Buffer.alloc(1),
          raw.subarray(size),
        ]),
      }
      for (const [name, signature] of Object.entries(wrong)) {
        expect([name, await judge(signature)]).toEqual([name, 'ERR_POP_PROOF_SIGNATURE_INVALID'])
      }
    },
  )
})
