import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  bearer,
  createVerifier,
  jwtTokens,
  type PopError,
  type Jwk,
  type KeysEvent,
  type TokenResolver,
} from '@oauth-pop/core'
import { apiUrl, createClock, signCompact, startFaultServer } from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'
import { bearerRequest } from './bearer-request.ts'

interface Pair {
  readonly privateKey: KeyObject
  readonly jwk: Jwk
}

const clock = createClock()
const issuer = 'https://as.example.com'

function ec(namedCurve = 'P-256'): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  return { privateKey, jwk: publicKey.export({ format: 'jwk' }) as Jwk }
}

function rsa(modulusLength = 2048): Jwk {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength })
  return publicKey.export({ format: 'jwk' }) as Jwk
}

const [own, ...others] = [ec(), ec(), ec(), ec(), ec()] as [Pair, ...Pair[]]
const rsaKey = rsa()
const strangers = others.map(({ jwk }) => jwk)
const okp = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) as Jwk

async function ask(
  jwks: { readonly keys: readonly Jwk[] } | string,
  { kid, aud = apiUrl, alg = 'ES256' }: { kid?: string; aud?: string; alg?: string } = {},
): Promise<unknown> {
  const token = signCompact(
    { alg, typ: 'at+jwt', ...(kid !== undefined && { kid }) },
    { iss: issuer, aud, exp: clock.seconds() + 60 },
    own.privateKey,
  )
  return answerOf(jwtTokens({ issuer, audience: apiUrl, jwks }), token)
}

async function answerOf(tokens: TokenResolver, token: string): Promise<unknown> {
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    schemes: [bearer()],
    now: clock.now,
  })
  try {
    await verifier.verify(bearerRequest(token))
    return 'accepted'
  } catch (error) {
    const { status, code, cause } = error as PopError
    return [status, code, cause instanceof Error ? cause.message : cause]
  }
}

const bad = (evidence: object): unknown => [401, 'ERR_POP_TOKEN_SIGNATURE_INVALID', evidence]

describe('the keys of an issuer that fit a token', { tags: ['rule-key-candidates'] }, () => {
  const named = (kid: string, jwk: Jwk = own.jwk): Jwk => ({ ...jwk, kid })

  test.each<[string, readonly Jwk[], string | undefined]>([
    ['the same key twice', [own.jwk, own.jwk], undefined],
    ['the same key twice, with the same name', [named('1'), named('1')], '1'],
    ['the same key under two names', [named('1'), named('2')], undefined],
    ['keys of different types', [rsaKey, okp, own.jwk], undefined],
    ['a key of another curve', [ec('P-384').jwk, own.jwk], undefined],
    ['several of one type, last of four', [...strangers.slice(0, 3), own.jwk], undefined],
    ['several with the same name', [named('1', strangers[0]), named('1')], '1'],
    ['copies of a stranger before it', [...Array(9).fill(strangers[0]), own.jwk], undefined],
    [
      'keys that are reserved for other algorithms',
      [{ ...strangers[0], alg: 'ES384' }, own.jwk],
      undefined,
    ],
  ])('may be %s', async (_, keys, kid) => {
    expect(await ask({ keys }, kid === undefined ? {} : { kid })).toBe('accepted')
  })

  test('are tried up to four, and the evidence says so', async () => {
    expect(await ask({ keys: [...strangers, own.jwk] })).toEqual(
      bad({ member: 'signature', actual: '4 of 5 keys tried' }),
    )
    expect(await ask({ keys: strangers.slice(0, 2) })).toEqual(
      bad({ member: 'signature', actual: '2 of 2 keys tried' }),
    )
  })

  test('are none of another name', async () => {
    expect(await ask({ keys: [named('1'), own.jwk] }, { kid: '2' })).toEqual(
      bad({ member: 'kid', expected: '1, none', actual: '2' }),
    )
  })

  test('are not looked for when the token is for another API', async () => {
    const graph = '00000003-0000-0000-c000-000000000000'
    expect(await ask({ keys: strangers }, { aud: graph })).toEqual(
      bad({ member: 'aud', expected: apiUrl, actual: graph }),
    )
  })

  test('are none for an algorithm that is not accepted', async () => {
    const answer = await ask({ keys: [own.jwk] }, { alg: 'HS256' })
    expect(answer).toEqual(bad(expect.objectContaining({ member: 'alg', actual: 'HS256' })))
  })
})

describe('keys that are left out', { tags: ['rule-key-left-out'] }, () => {
  const { n, e } = rsaKey as { n: string; e: string }
  const leadingZero = Buffer.concat([Buffer.alloc(1), Buffer.from(n, 'base64url')]).toString(
    'base64url',
  )
  const faults: readonly [Jwk, string][] = [
    [{ kty: 'RSA', n: leadingZero, e }, 'encoding'],
    [{ kty: 'RSA', n: `${n}=`, e }, 'encoding'],
    [rsa(1024), 'size'],
    [{ kty: 'RSA', n, e: 'Aw' }, 'exponent'],
    [{ ...rsaKey, use: 'enc' }, 'use'],
    [{ ...rsaKey, key_ops: ['sign'] }, 'key_ops'],
    [{ ...rsaKey, alg: 'RSA-OAEP' }, 'alg'],
    [{ kty: 'oct', k: 'AAAA' }, 'type'],
    [{ ...ec('secp256k1').jwk }, 'curve'],
    [{ ...own.jwk, d: 'AAAA' }, 'private'],
    [{ ...own.jwk, y: own.jwk['x'] }, 'point'],
  ]

  test.each(faults)('are named with their reason: %j is %s', async (jwk, reason) => {
    const keys = [
      { ...jwk, kid: 'old' },
      { ...own.jwk, kid: 'new' },
    ]
    expect(await ask({ keys }, { kid: 'old' })).toEqual(
      bad({ member: 'kid', expected: `new; left out old (${reason})`, actual: 'old' }),
    )
    expect(await ask({ keys }, { kid: 'new' })).toBe('accepted')
    expect(() => jwtTokens({ issuer, audience: apiUrl, jwks: { keys: keys.slice(0, 1) } })).toThrow(
      `{ keys: [...] }: left out old (${reason})`,
    )
  })

  test('are an event at every fetch, and the reason of an outage', async () => {
    const server = await startFaultServer()
    const events: unknown[] = []
    const listen = (event: unknown): void => void events.push(event)
    subscribe('oauth-pop:keys', listen)
    const source = `${new URL(server.url).host}/keys`
    const [[weak]] = [faults.slice(2, 3)] as [[[Jwk, string]]]
    server.answer({ keys: [{ ...weak[0], kid: 'old' }, { ...own.jwk, kid: 'new' }, 'text'] })
    expect(await ask(`${server.url}/keys`, { kid: 'new' })).toBe('accepted')
    server.answer({ keys: [{ ...weak[0], kid: 'old' }] })
    expect(await ask(`${server.url}/keys`)).toEqual([
      503,
      'ERR_POP_TOKEN_SOURCE_UNAVAILABLE',
      `${source} has no usable key: left out old (size)`,
    ])
    unsubscribe('oauth-pop:keys', listen)
    await server.close()
    const old = { kid: 'old', reason: 'size' }
    expect(events).toEqual<KeysEvent[]>([
      { source, used: 1, leftOut: [old, { kid: 'none', reason: 'form' }] },
      { source, used: 0, leftOut: [old] },
    ])
  })
})
