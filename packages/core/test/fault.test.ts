import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import {
  createVerifier,
  introspectedTokens,
  PopError,
  requireClaims,
  storedTokens,
  type AccessToken,
  type TokenResolver,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  outcomeOf,
  popRequest,
  signPop,
} from '@oauth-pop/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const { holder } = createHolders()
const clock = createClock()
const alice = { ...holder(), accessToken: 'ab+cd/ef~gh==' }
/** However a log spells it. */
const spellings = [
  alice.accessToken,
  encodeURIComponent(alice.accessToken),
  new URLSearchParams([[alice.accessToken, '']]).toString().slice(0, -1),
]
const record = { aud: apiUrl, cnf: { jwk: alice.jwk } }
const tokens = storedTokens(() => record, { audience: apiUrl })

/** All that a log could show of the refusals, at any depth. */
let shown: string[] = []
const listen = (event: unknown): void =>
  void shown.push(inspect(event, { depth: 20, showHidden: true }))
beforeEach(() => {
  shown = []
  subscribe('oauth-pop:refused', listen)
})
afterEach(() => unsubscribe('oauth-pop:refused', listen))

function failWith(token: string): never {
  const refused = Object.assign(new Error(`connect to /tokens/${encodeURIComponent(token)}`), {
    code: 'ECONNREFUSED',
  })
  const request = { headers: { authorization: `Bearer ${token}` } }
  throw Object.assign(new Error(`no answer for ${token}`, { cause: refused }), {
    request,
    code: token,
  })
}

describe('a log of a fault names no token', { tags: ['attack-198'] }, () => {
  const ask = (resolver: TokenResolver): Promise<string> => {
    const verifier = createVerifier({ publicUrl: apiUrl, tokens: resolver, now: clock.now })
    return outcomeOf(verifier.verify(popRequest(signPop(alice, clock.seconds()))))
  }

  test.each<[string, TokenResolver]>([
    ['a resolver of your own', { resolve: async (token) => failWith(token) }],
    [
      'what asks an introspection endpoint',
      introspectedTokens({
        endpoint: 'https://as.example.com/introspect',
        clientId: 'api',
        clientSecret: 'secret',
        audience: apiUrl,
        fetch: async () => failWith(alice.accessToken),
      }),
    ],
  ])('that %s met', async (_, resolver) => {
    expect(await ask(resolver)).toBe('ERR_POP_TOKEN_SOURCE_UNAVAILABLE')
    expect(shown).toHaveLength(1)
    for (const spelling of spellings) expect(shown[0]).not.toContain(spelling)
    expect(shown[0]).toContain('no answer for [token]')
    expect(shown[0]).toContain('connect to /tokens/[token]')
    expect(shown[0]).toContain('ECONNREFUSED')
  })

  test('that a resolver told as its evidence', async () => {
    const resolver: TokenResolver = {
      resolve: async (actual) => {
        throw new PopError('ERR_POP_TOKEN_INACTIVE', { member: 'token', actual })
      },
    }
    expect(await ask(resolver)).toBe('ERR_POP_TOKEN_INACTIVE')
    expect(shown[0]).not.toContain(alice.accessToken)
  })

  test('that a token which is no well-formed text caused', async () => {
    const verifier = createVerifier({
      publicUrl: apiUrl,
      tokens: { resolve: async (token) => failWith(token.length.toString()) },
      now: clock.now,
    })
    const odd = popRequest(signPop({ ...alice, accessToken: '\ud800' }, clock.seconds()))
    expect(await outcomeOf(verifier.verify(odd))).toBe('ERR_POP_TOKEN_SOURCE_UNAVAILABLE')
  })

  test('that has a message which is no text', async () => {
    const odd = Object.assign(new Error('odd'), { stack: 'odd', message: { toString: 1 }, name: 5 })
    expect(await ask({ resolve: () => Promise.reject(odd) })).toBe(
      'ERR_POP_TOKEN_SOURCE_UNAVAILABLE',
    )
  })

  test('that a check of the claims met', async () => {
    const verifier = createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })
    const request = popRequest(signPop(alice, clock.seconds()))
    const { accessToken } = await verifier.verify(request)
    const guard = requireClaims((_claims: unknown, { token }: AccessToken) => failWith(token))
    expect(await outcomeOf(Promise.resolve(guard({ verifier, accessToken })))).toBe(
      'ERR_POP_CHECK_FAILED',
    )
    expect(shown).toHaveLength(1)
    expect(shown[0]).not.toContain(alice.accessToken)
    expect(shown[0]).toContain('no answer for [token]')
  })
})
