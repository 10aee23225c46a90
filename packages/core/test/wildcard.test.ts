import { createVerifier, dpop, pop, type VerifierOptions } from '@oauth-pop/core'
import {
  createClock,
  createHolders,
  outcomeOf,
  popRequest,
  signDpop,
  signPop,
} from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'

const clock = createClock()
const { holder, tokens } = createHolders()
const alice = holder()
const dana = holder('jkt')

/** A proof for one host, sent to another. */
function ask(
  host: string,
  claims: Record<string, unknown>,
  publicUrl: VerifierOptions['publicUrl'] = 'https://*.example.com',
  authority?: string,
): Promise<string> {
  const verifier = createVerifier({ publicUrl, tokens, now: clock.now })
  const proof = signPop(alice, clock.seconds(), claims)
  const rawHeaders = ['Authorization', `PoP ${proof}`, ...(host === '' ? [] : ['Host', host])]
  const request = popRequest(proof, { rawHeaders, ...(authority && { authority }) })
  return outcomeOf(verifier.verify(request))
}

describe('a publicUrl for any one label', () => {
  test.each([
    ['its own name', 'a.example.com', 'a.example.com'],
    ['its own name in other letters', 'A.Example.COM', 'a.example.com'],
    ['its own name and the default port', 'a.example.com:443', 'a.example.com'],
  ])('accepts a proof for %s', { tags: ['rule-location-wildcard'] }, async (_, host, u) => {
    expect(await ask(host, { u })).toBe('accepted')
  })

  test.each([
    ['another tenant', 'b.example.com', 'a.example.com'],
    ['the parent, sent to it', 'example.com', 'example.com'],
    ['two labels', 'a.b.example.com', 'a.b.example.com'],
    ['a name that only ends alike', 'evilexample.com', 'evilexample.com'],
    ['a name that only begins alike', 'a.example.com.evil.net', 'a.example.com.evil.net'],
    ['another port', 'a.example.com:8443', 'a.example.com:8443'],
    ['no label', '.example.com', '.example.com'],
  ])('refuses a proof for %s', { tags: ['rule-location-wildcard'] }, async (_, host, u) => {
    expect(await ask(host, { u })).toBe('ERR_POP_HOST_MISMATCH')
  })

  test(
    'refuses another host even to a proof that names none',
    { tags: ['rule-location-wildcard'] },
    async () => {
      const schemes = [pop({ require: ['ts'] })]
      const verifier = createVerifier({
        publicUrl: 'https://*.example.com',
        tokens,
        now: clock.now,
        schemes,
      })
      const send = (host: string): Promise<string> => {
        const proof = signPop(alice, clock.seconds(), { u: undefined, p: undefined })
        const rawHeaders = ['Host', host, 'Authorization', `PoP ${proof}`]
        return outcomeOf(verifier.verify(popRequest(proof, { rawHeaders })))
      }
      expect(await send('a.example.com')).toBe('accepted')
      expect(await send('evil.example')).toBe('ERR_POP_HOST_MISMATCH')
    },
  )

  test(
    'is named by :authority where there is one',
    { tags: ['rule-location-wildcard'] },
    async () => {
      const any = 'https://*.example.com'
      expect(await ask('', { u: 'a.example.com' }, any, 'a.example.com')).toBe('accepted')
      expect(await ask('', { u: 'a.example.com' }, any, 'b.example.com')).toBe(
        'ERR_POP_HOST_MISMATCH',
      )
    },
  )

  test('keeps its port and its prefix', async () => {
    const publicUrl = 'https://*.example.com:8443/api'
    const p = '/api/items'
    expect(await ask('a.example.com:8443', { u: 'a.example.com:8443', p }, publicUrl)).toBe(
      'accepted',
    )
    expect(await ask('a.example.com', { u: 'a.example.com', p }, publicUrl)).toBe(
      'ERR_POP_HOST_MISMATCH',
    )
    expect(await ask('a.example.com:8443', { u: 'a.example.com:8443' }, publicUrl)).toBe(
      'ERR_POP_PATH_MISMATCH',
    )
  })

  test('stands beside other names, which are not asked of the Host header', async () => {
    const publicUrl = ['https://*.example.com', 'https://api.example.net']
    expect(await ask('internal:8080', { u: 'api.example.net' }, publicUrl)).toBe('accepted')
    expect(await ask('internal:8080', { u: 'a.example.com' }, publicUrl)).toBe(
      'ERR_POP_HOST_MISMATCH',
    )
  })

  test('binds DPoP proofs too', { tags: ['rule-location-wildcard'] }, async () => {
    const verifier = createVerifier({
      publicUrl: 'https://*.example.com',
      tokens,
      now: clock.now,
      schemes: [pop(), dpop()],
    })
    const send = (host: string, htu: string): Promise<string> => {
      const proof = signDpop(dana, clock.seconds(), { htu })
      const credential = ['Authorization', `DPoP ${dana.accessToken}`, 'DPoP', proof]
      const rawHeaders = ['Host', host, ...credential]
      return outcomeOf(verifier.verify({ method: 'GET', target: '/items', rawHeaders }))
    }
    expect(await send('a.example.com', 'https://a.example.com/items')).toBe('accepted')
    expect(await send('b.example.com', 'https://a.example.com/items')).toBe('ERR_POP_URI_MISMATCH')
  })

  test.each([
    'https://*.com',
    'https://*',
    'https://a.*.example.com',
    'https://**.example.com',
    '*.example.com',
  ])('cannot be %s', { tags: ['rule-location-wildcard-form'] }, (publicUrl) => {
    expect(() => createVerifier({ publicUrl, tokens })).toThrow(TypeError)
  })
})
