import {
  bearer,
  createVerifier,
  introspectedTokens,
  jwtTokens,
  storedTokens,
  type TokenResolver,
} from '@oauth-pop/core'
import { apiUrl, createClock, createHolders, outcomeOf, signCompact } from '@oauth-pop/testkit'
import { expect, test } from 'vitest'
import { bearerRequest } from './bearer-request.ts'

type Claims = Readonly<Record<string, unknown>>

const clock = createClock()
const { holder } = createHolders()
const [alice, signer] = [holder(), holder()]
const issuer = 'https://as.example.com'

/** A token with these claims, and a resolver that knows it. */
const kinds: Readonly<
  Record<string, (claims: Claims, keyMember?: string) => readonly [string, TokenResolver]>
> = {
  'a JWT': (claims) => [
    signCompact(
      { alg: 'ES256', typ: 'at+jwt' },
      { iss: issuer, exp: clock.seconds() + 60, ...claims },
      signer.privateKey,
    ),
    jwtTokens({ issuer, audience: apiUrl, jwks: { keys: [signer.jwk] } }),
  ],
  'an introspected token': (claims, keyMember) => [
    'token',
    introspectedTokens({
      endpoint: issuer,
      clientId: 'api',
      clientSecret: 'secret',
      audience: apiUrl,
      fetch: async () => Response.json({ active: true, ...claims }),
      ...(keyMember !== undefined && { keyMember }),
    }),
  ],
  'a stored token': (claims, keyMember) => [
    'token',
    storedTokens(() => claims, { audience: apiUrl, ...(keyMember !== undefined && { keyMember }) }),
  ],
  'a token of a resolver of its own': (claims) => [
    'token',
    { resolve: async () => ({ claims, scopes: [], audience: [] }) },
  ],
  'a token whose resolver names a binding that is null': (claims) => [
    'token',
    {
      resolve: async () =>
        ({ claims, scopes: [], audience: [], confirmation: null, key: null }) as never,
    },
  ],
}

/** Where a key may stand, and whatever may stand there. */
const members = [
  ['cnf', undefined],
  ['access_token_key', undefined],
  ['access_token_key', 'public_key'],
  ['public_key', 'public_key'],
] as const
const values = [alice.jwk, { jwk: alice.jwk }, {}, 'text', 7, true, false, null, [], [alice.jwk]]

const rows = Object.keys(kinds).flatMap((kind) =>
  members.flatMap(([member, keyMember]) =>
    values.map((value) => ({ kind, member, keyMember, value })),
  ),
)

function ask(kind: string, claims: Claims, keyMember?: string): Promise<string> {
  const [token, tokens] = (kinds[kind] as (typeof kinds)[string])(
    { aud: apiUrl, ...claims },
    keyMember,
  )
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    now: clock.now,
    schemes: [bearer()],
  })
  return outcomeOf(verifier.verify(bearerRequest(token)))
}

/** Those of a resolver that has no such option know it by no other name. */
const knows = (kind: string, member: string): boolean =>
  member !== 'public_key' || kind === 'an introspected token' || kind === 'a stored token'

test.each(rows.filter(({ kind, member }) => knows(kind, member)))(
  '$kind with $value as its $member is no bearer token, where keyMember is $keyMember',
  { tags: ['rule-bound-anywhere', 'attack-147'] },
  async ({ kind, member, keyMember, value }) => {
    expect(await ask(kind, { [member]: value }, keyMember)).not.toBe('accepted')
  },
)

test.each(Object.keys(kinds).slice(0, 4))('%s without a key is one', async (kind) => {
  expect(await ask(kind, {})).toBe('accepted')
})
