import {
  bearer,
  createVerifier,
  introspectedTokens,
  PopError,
  storedTokens,
  type TokenResolver,
} from '@oauth-pop/core'
import { apiUrl, createClock } from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'
import { bearerRequest } from './bearer-request.ts'

type Claims = Readonly<Record<string, unknown>>

const clock = createClock()

const sources: Readonly<Record<string, (claims: Claims) => TokenResolver>> = {
  'an introspection answer': (claims) =>
    introspectedTokens({
      endpoint: 'https://as.example.com/introspect',
      clientId: 'api',
      clientSecret: 'secret',
      audience: apiUrl,
      fetch: async () => Response.json({ active: true, ...claims }),
    }),
  'a stored record': (claims) => storedTokens(() => claims, { audience: apiUrl }),
}

async function ask(tokens: TokenResolver): Promise<unknown> {
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    now: clock.now,
    schemes: [bearer()],
  })
  try {
    const request = bearerRequest('opaque-1')
    const { accessToken } = await verifier.verify(request)
    const { subject, clientId, issuer, scopes, expiresAt } = accessToken
    return { subject, clientId, issuer, scopes, expiresAt }
  } catch (error) {
    return error instanceof PopError ? [error.code, error.cause] : error
  }
}

/** What OpenAM writes for a token without an end, and its kind. */
const absent = [
  ['exp'],
  ['nbf'],
  ['iat'],
  ['exp', 'nbf', 'iat'],
  ['sub'],
  ['iss'],
  ['client_id'],
  ['azp'],
  ['appid'],
  ['scope'],
  ['scp'],
  ['jti'],
  ['token_type'],
  ['username'],
]

describe.each(Object.entries(sources))('null in %s', (_, resolverOf) => {
  test.each(absent)('is nothing: %s %s %s', { tags: ['rule-null-absent'] }, async (...members) => {
    const nulls = Object.fromEntries(members.map((member) => [member, null]))
    const claims = { aud: apiUrl, sub: 'alice' }
    const without = Object.fromEntries(
      Object.entries(claims).filter(([member]) => !members.includes(member)),
    )
    expect(await ask(resolverOf({ ...claims, ...nulls }))).toEqual(await ask(resolverOf(without)))
    expect(await ask(resolverOf({ ...claims, ...nulls }))).toHaveProperty('scopes', [])
  })

  test('as scope leaves scp', { tags: ['rule-null-absent'] }, async () => {
    const answer = await ask(resolverOf({ aud: apiUrl, scope: null, scp: 'read' }))
    expect(answer).toMatchObject({ scopes: ['read'] })
  })

  test.each(['cnf', 'access_token_key'])(
    'as %s refuses the token, and says so',
    { tags: ['rule-null-absent'] },
    async (member) => {
      expect(await ask(resolverOf({ aud: apiUrl, [member]: null }))).toEqual([
        'ERR_POP_CONFIRMATION_INVALID',
        { member, actual: 'null' },
      ])
    },
  )
})
