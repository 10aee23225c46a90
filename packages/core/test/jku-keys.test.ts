import { createVerifier, pop, storedTokens, type PopOptions } from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  outcomeOf,
  popRequest,
  signPop,
  startFaultServer,
  thumbprintOf,
  type FaultServer,
} from '@oauth-pop/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const clock = createClock()
const { holder } = createHolders()
const [alice, other] = [holder(), holder()]
const named = (kid: string, { jwk } = alice): Record<string, unknown> => ({ ...jwk, kid })

let server: FaultServer
beforeEach(async () => {
  server = await startFaultServer()
})
afterEach(() => server.close())

function verify(
  cnf: Readonly<Record<string, unknown>>,
  options: PopOptions = { jkuHosts: ['127.0.0.1'] },
): Promise<unknown> {
  const tokens = storedTokens(() => ({ cnf, aud: apiUrl }), { audience: apiUrl })
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    now: clock.now,
    schemes: [pop(options)],
  })
  return verifier.verify(popRequest(signPop(alice, clock.seconds())))
}

const ask = (...given: Parameters<typeof verify>): Promise<string> => outcomeOf(verify(...given))

async function evidenceFor(cnf: Readonly<Record<string, unknown>>): Promise<unknown> {
  return verify(cnf).catch((error: Error) => error.cause)
}

describe('cnf.jku', () => {
  const jku = (): string => `${server.url}/keys`

  test(
    'names the only key of a set, without a kid or with its own',
    { tags: ['shr-cnf-jku'] },
    async () => {
      server.answer({ keys: [named('1')] })
      expect(await ask({ jku: jku() })).toBe('accepted')
      expect(await ask({ jku: jku(), kid: '1' })).toBe('accepted')
      expect(await ask({ jku: jku(), kid: 'x' })).toBe('ERR_POP_CONFIRMATION_INVALID')
    },
  )

  test('whose host or key is unknown is shown beside those that are known', async () => {
    server.answer({ keys: [named('1'), { ...named('2'), use: 'enc' }] })
    expect(await evidenceFor({ jku: jku(), kid: 'x' })).toEqual({
      member: 'kid',
      expected: '1; left out 2 (use)',
      actual: 'x',
    })
    expect(await evidenceFor({ jku: jku() })).toMatchObject({ member: 'kid', actual: 'none' })
    expect(await evidenceFor({ jku: 'https://keys.example.net/?secret=1' })).toEqual({
      member: 'jku',
      expected: '127.0.0.1',
      actual: 'keys.example.net',
    })
  })

  test(
    'names no key of somebody else, when its own is weak',
    { tags: ['shr-cnf-jku'] },
    async () => {
      server.answer({ keys: [named('1'), { kty: 'RSA', kid: '2', n: 'AQ', e: 'AQAB' }] })
      expect(await ask({ jku: jku(), kid: '2' })).toBe('ERR_POP_CONFIRMATION_INVALID')
      expect(await ask({ jku: jku() })).toBe('ERR_POP_CONFIRMATION_INVALID')
      expect(await ask({ jku: jku(), kid: '1' })).toBe('accepted')
    },
  )

  test('names one of several keys by its kid', { tags: ['shr-cnf-jku'] }, async () => {
    server.answer({ keys: [named('1', other), named('2')] })
    expect(await ask({ jku: jku(), kid: '2' })).toBe('accepted')
    expect(await ask({ jku: jku(), kid: '1' })).toBe('ERR_POP_PROOF_SIGNATURE_INVALID')
    expect(await ask({ jku: jku(), kid: '3' })).toBe('ERR_POP_CONFIRMATION_INVALID')
    expect(await ask({ jku: jku() })).toBe('ERR_POP_CONFIRMATION_INVALID')
  })

  test('must agree with a thumbprint beside it', { tags: ['rule-confirmation-all'] }, async () => {
    server.answer({ keys: [named('1')] })
    expect(await ask({ jku: jku(), jkt: thumbprintOf(alice.jwk) })).toBe('accepted')
    expect(await ask({ jku: jku(), jkt: thumbprintOf(other.jwk) })).toBe(
      'ERR_POP_BINDING_OTHER_KEY',
    )
    expect(await ask({ jku: jku(), jwk: alice.jwk })).toBe('ERR_POP_CONFIRMATION_INVALID')
    expect(await ask({ jku: jku(), 'x5t#S256': 'x' })).toBe('ERR_POP_BINDING_OTHER_METHOD')
  })

  test(
    'is refused unasked where no host is trusted',
    { tags: ['attack-98', 'shr-cnf-jku-hosts'] },
    async () => {
      expect(await ask({ jku: jku() }, {})).toBe('ERR_POP_BINDING_OTHER_METHOD')
      expect(server.asked).toEqual([])
    },
  )

  test.each([
    'https://evil.example/keys',
    'https://wrongexample.com/keys',
    'https://example.com/keys',
    'https://keys.example.com.evil.net/keys',
    'https://keys.example.com@evil.net/keys',
    'http://keys.example.com/keys',
    'ftp://keys.example.com/keys',
    'file:///etc/keys',
    '//keys.example.com/keys',
    'keys',
    '',
    7,
    null,
  ])('is refused unasked for %j', { tags: ['attack-98', 'shr-cnf-jku-hosts'] }, async (url) => {
    const asked: unknown[] = []
    const original = globalThis.fetch
    globalThis.fetch = async (input) => {
      asked.push(input)
      throw new Error('asked')
    }
    const outcome = await ask({ jku: url }, { jkuHosts: ['*.example.com'] })
    globalThis.fetch = original
    expect([outcome, asked]).toEqual(['ERR_POP_CONFIRMATION_INVALID', []])
  })

  test.each(['redirect', 'html', 'huge', 'empty', 'reset', 'status 500'] as const)(
    'whose source answers like %s is an outage',
    { tags: ['answer-token-source-down'] },
    async (fault) => {
      server.answer(fault)
      expect(await ask({ jku: jku() })).toBe('ERR_POP_KEY_SOURCE_UNAVAILABLE')
    },
  )

  test('leads to keys that pass the same hygiene as any other', async () => {
    server.answer({ keys: [{ ...named('1'), use: 'enc' }] })
    expect(await ask({ jku: jku() })).toBe('ERR_POP_KEY_SOURCE_UNAVAILABLE')
    server.answer({ keys: [{ ...named('1'), alg: 'ES384' }] })
    expect(await ask({ jku: jku() })).toBe('ERR_POP_KEY_SOURCE_UNAVAILABLE')
  })

  test.each(['', '*', '*.com', 'https://keys.example.com', 'keys.example.com/x', 'a b'])(
    'cannot be trusted to %j',
    (host) => {
      expect(() => pop({ jkuHosts: [host] })).toThrow(TypeError)
    },
  )
})
