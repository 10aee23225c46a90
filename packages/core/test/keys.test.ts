import { createVerifier, PopError, storedTokens, type Jwk } from '@oauth-pop/core'
import fc from 'fast-check'
import { isRoca } from '../src/keys/roca.ts'
import { apiUrl, createClock, popPayload } from '@oauth-pop/testkit'
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'

const clock = createClock()

const pairs = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: generateKeyPairSync('ed25519'),
}

type Algorithm = keyof typeof pairs

function jwkOf(algorithm: Algorithm): Jwk {
  return pairs[algorithm].publicKey.export({ format: 'jwk' }) as Jwk
}

/** Binds a token to a key, signs a proof with the private half, and asks the verifier. */
async function judge(algorithm: Algorithm, jwk: Jwk): Promise<string> {
  const record = { aud: apiUrl, cnf: { jwk } }
  const verifier = createVerifier({
    publicUrl: apiUrl,
    now: clock.now,
    tokens: storedTokens(() => record, { audience: apiUrl }),
  })
  const payload = popPayload(
    { accessToken: 'token', privateKey: pairs.ES256.privateKey, jwk },
    clock.seconds(),
  )
  const proof = signWith(algorithm, pairs[algorithm].privateKey, payload)
  const rawHeaders = ['Host', 'api.example.com', 'Authorization', `PoP ${proof}`]
  try {
    await verifier.verify({ method: 'GET', target: '/items', rawHeaders })
    return 'accepted'
  } catch (error) {
    if (!(error instanceof PopError)) throw error
    return (error.cause as { actual?: string } | undefined)?.actual ?? error.code
  }
}

function signWith(algorithm: Algorithm, key: KeyObject, payload: object): string {
  const header = { typ: 'pop', alg: algorithm }
  const input = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const hash = { ES256: 'sha256', ES384: 'sha384', RS256: 'sha256', EdDSA: null }[algorithm]
  return `${input}.${sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

function paddedWithZero(value: unknown): string {
  return Buffer.concat([Buffer.alloc(1), Buffer.from(String(value), 'base64url')]).toString(
    'base64url',
  )
}

function encodeInteger(value: bigint): string {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
}

/** Has what the generator of CVE-2017-15361 gives its moduli: a power of 65537 modulo every small prime. */
const rocaModulus = (() => {
  const isPrime = (n: number): boolean =>
    Array.from({ length: n - 2 }, (_, index) => index + 2).every((d) => n % d !== 0)
  const primes = Array.from({ length: 166 }, (_, index) => index + 2).filter(isPrime)
  const product = primes.reduce((all, prime) => all * BigInt(prime), 1n)
  const wanted = 65_537n ** 12_345n % product
  const high = 2n ** 2047n
  const aligned = high - (high % product) + product + wanted
  return encodeInteger(aligned)
})()

describe('key hygiene', () => {
  const ec = jwkOf('ES256')
  const rsa = jwkOf('RS256')
  const okp = jwkOf('EdDSA')
  const point = (hex: string): Jwk => ({ ...okp, x: Buffer.from(hex, 'hex').toString('base64url') })

  test.each([
    ['a plain EC key', 'ES256', ec, 'accepted'],
    ['a plain RSA key', 'RS256', rsa, 'accepted'],
    ['a plain Ed25519 key', 'EdDSA', okp, 'accepted'],
    ['unknown members', 'ES256', { ...ec, x5c: ['AA'], extra: 1 }, 'accepted'],
    [
      'use sig, key_ops verify, own alg',
      'ES256',
      { ...ec, use: 'sig', key_ops: ['verify'], alg: 'ES256' },
      'accepted',
    ],
    ['the other name of Ed25519', 'EdDSA', { ...okp, alg: 'Ed25519' }, 'accepted'],
    ['use enc', 'ES256', { ...ec, use: 'enc' }, 'use'],
    ['key_ops without verify', 'ES256', { ...ec, key_ops: ['sign'] }, 'key_ops'],
    ['another alg', 'ES256', { ...ec, alg: 'ES384' }, 'alg'],
    ['a private member', 'ES256', { ...ec, d: 'AA' }, 'private'],
    ['a symmetric member', 'ES256', { ...ec, k: 'AA' }, 'private'],
    ['an RSA prime', 'RS256', { ...rsa, p: 'AA' }, 'private'],
    ['a key of another type', 'ES256', rsa, 'type'],
    ['a symmetric key', 'ES256', { kty: 'oct', k: 'AAAA' }, 'type'],
    ['another curve', 'ES256', jwkOf('ES384'), 'curve'],
    ['a padded coordinate', 'ES256', { ...ec, x: `${String(ec['x'])}=` }, 'encoding'],
    [
      'a coordinate with a zero byte in front',
      'ES256',
      { ...ec, x: paddedWithZero(ec['x']) },
      'encoding',
    ],
    ['a coordinate that is no string', 'ES256', { ...ec, x: 1 }, 'encoding'],
    ['a point off the curve', 'ES256', { ...ec, x: ec['y'] }, 'point'],
    [
      'a modulus with a zero byte in front',
      'RS256',
      { ...rsa, n: paddedWithZero(rsa['n']) },
      'encoding',
    ],
    ['a modulus of 2047 bits', 'RS256', { ...rsa, n: encodeInteger(2n ** 2047n - 1n) }, 'size'],
    ['a modulus of 4097 bits', 'RS256', { ...rsa, n: encodeInteger(2n ** 4096n + 1n) }, 'size'],
    ['an even modulus', 'RS256', { ...rsa, n: encodeInteger(2n ** 2047n) }, 'size'],
    ['exponent 1', 'RS256', { ...rsa, e: 'AQ' }, 'exponent'],
    ['exponent 3', 'RS256', { ...rsa, e: 'Aw' }, 'exponent'],
    ['an even exponent', 'RS256', { ...rsa, e: encodeInteger(65_538n) }, 'exponent'],
    ['an exponent of 33 bits', 'RS256', { ...rsa, e: encodeInteger(2n ** 32n + 1n) }, 'exponent'],
    ['a modulus that can be factored', 'RS256', { ...rsa, n: rocaModulus }, 'factors'],
    ['the identity point', 'EdDSA', point(`01${'00'.repeat(31)}`), 'order'],
    ['the identity point with its sign bit', 'EdDSA', point(`01${'00'.repeat(30)}80`), 'order'],
    ['the identity point, not canonical', 'EdDSA', point(`ee${'ff'.repeat(30)}7f`), 'order'],
    [
      'a point of order 8',
      'EdDSA',
      point('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
      'order',
    ],
    ['the prime itself', 'EdDSA', point(`ed${'ff'.repeat(30)}7f`), 'order'],
    [
      'a number just below the prime',
      'EdDSA',
      point(`eb${'ff'.repeat(30)}7f`),
      'ERR_POP_PROOF_SIGNATURE_INVALID',
    ],
    ['the alg of another curve', 'EdDSA', { ...okp, alg: 'ES256' }, 'alg'],
    ['the alg of an Edwards curve', 'ES256', { ...ec, alg: 'Ed25519' }, 'alg'],
    ['31 bytes', 'EdDSA', point('00'.repeat(31)), 'encoding'],
  ] as const)(
    '%s with %s',
    {
      tags: [
        'attack-85',
        'attack-86',
        'attack-87',
        'attack-88',
        'attack-89',
        'attack-90',
        'attack-91',
        'attack-92',
        'attack-93',
        'attack-94',
        'attack-96',
        'attack-101',
        'rule-key-private',
        'rule-key-canonical',
        'rule-key-rsa-size',
        'rule-key-rsa-exponent',
        'rule-key-curve',
        'rule-key-small-order',
        'rule-key-purpose',
        'shr-alg-fits-key',
      ],
    },
    async (_, algorithm, jwk, outcome) => {
      expect(await judge(algorithm, jwk)).toBe(outcome)
    },
  )

  test(
    'an accepted key stays accepted, and a spoiled copy of it is still judged',
    { tags: ['rule-key-judged-again'] },
    async () => {
      expect(await judge('ES256', ec)).toBe('accepted')
      expect(await judge('ES256', { ...ec, use: 'enc' })).toBe('use')
      expect(await judge('ES256', { ...ec, d: 'AA' })).toBe('private')
      expect(await judge('ES256', ec)).toBe('accepted')
    },
  )
})

test('an ordinary RSA modulus does not look like one that can be factored', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 256, maxLength: 256 }), (bytes) => {
      expect(isRoca(Buffer.from(bytes))).toBe(false)
    }),
    { numRuns: 2000 },
  )
})
