import { createVerifier, dpop, pop, storedTokens, type Jwk } from '@oauth-pop/core'
import { apiUrl, createClock, dpopRequest, hashOf, outcomeOf, popRequest } from '@oauth-pop/testkit'
import { constants, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { expect, test } from 'vitest'

const clock = createClock()
const accessToken = 'token'
const pss = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
}

interface Pair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed25519 = generateKeyPairSync('ed25519')
const ec = (namedCurve: string): Pair => generateKeyPairSync('ec', { namedCurve })

/** The key of an algorithm, its hash, and how it pads. */
const algorithms: Readonly<Record<string, readonly [Pair, string | null, object?]>> = {
  RS256: [rsa, 'sha256'],
  RS384: [rsa, 'sha384'],
  RS512: [rsa, 'sha512'],
  PS256: [rsa, 'sha256', pss],
  PS384: [rsa, 'sha384', pss],
  PS512: [rsa, 'sha512', pss],
  ES256: [ec('P-256'), 'sha256'],
  ES384: [ec('P-384'), 'sha384'],
  ES512: [ec('P-521'), 'sha512'],
  EdDSA: [ed25519, null],
  Ed25519: [ed25519, null],
}
const others: typeof algorithms = {
  ES256K: [ec('secp256k1'), 'sha256'],
  'Ed448 as EdDSA': [generateKeyPairSync('ed448'), null],
}

/** What becomes of a PoP and of a DPoP proof that are signed so, without options. */
async function judge(
  name: string,
  [{ privateKey, publicKey }, hash, padding]: readonly [Pair, string | null, object?],
): Promise<readonly string[]> {
  const jwk = publicKey.export({ format: 'jwk' }) as Jwk
  const jkt = await calculateJwkThumbprint(jwk as never).catch(() => 'none')
  const [alg] = name.split(' as ').toReversed()
  const compact = (header: object, payload: object): string => {
    const input = [{ ...header, alg }, payload]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const key = { key: privateKey, dsaEncoding: 'ieee-p1363', ...padding } as const
    return `${input}.${sign(hash, Buffer.from(input), key).toString('base64url')}`
  }
  const ask = (cnf: object): ReturnType<typeof createVerifier> =>
    createVerifier({
      publicUrl: apiUrl,
      now: clock.now,
      tokens: storedTokens(() => ({ aud: apiUrl, cnf }), { audience: apiUrl }),
      schemes: [pop(), dpop()],
    })
  const time = clock.seconds()
  const shr = { at: accessToken, ts: time, m: 'GET', u: 'api.example.com', p: '/items' }
  const proof = {
    jti: 'a',
    htm: 'GET',
    htu: `${apiUrl}/items`,
    iat: time,
    ath: hashOf(accessToken),
  }
  const byDpop = dpopRequest(
    { accessToken, privateKey, jwk },
    compact({ typ: 'dpop+jwt', jwk }, proof),
  )
  return Promise.all([
    outcomeOf(ask({ jwk }).verify(popRequest(compact({ typ: 'pop' }, shr)))),
    outcomeOf(ask({ jkt }).verify(byDpop)),
  ])
}

test.each(Object.entries(algorithms))(
  '%s is accepted without options',
  { tags: ['shr-alg-default', 'answer-algs'] },
  async (name, algorithm) => {
    expect(await judge(name, algorithm)).toEqual(['accepted', 'accepted'])
  },
)

test.each(Object.entries(others))(
  '%s is not',
  { tags: ['shr-alg-list', 'answer-dpop-alg'] },
  async (name, algorithm) => {
    const outcomes = await judge(name, algorithm)
    expect(outcomes).not.toContain('accepted')
  },
)
