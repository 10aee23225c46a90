import {
  bearer,
  createVerifier,
  jwtTokens,
  type PopError,
  storedTokens,
  type TokenResolver,
} from '@oauth-pop/core'
import { apiUrl, createClock, createHolders, signCompact } from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'
import { bearerRequest } from './bearer-request.ts'

const clock = createClock()
const { privateKey, jwk } = createHolders().holder()
const issuer = 'https://as.example.com'
const jwt = jwtTokens({ issuer, audience: apiUrl, jwks: { keys: [jwk] } })
const stored = storedTokens(() => undefined, { audience: apiUrl })

const tokenOf = (claims: object): string =>
  signCompact({ alg: 'ES256', typ: 'at+jwt' }, { exp: clock.seconds() + 60, ...claims }, privateKey)

async function evidenceOf(
  tokens: TokenResolver | readonly TokenResolver[],
  token: string,
): Promise<unknown> {
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    schemes: [bearer()],
    now: clock.now,
  })
  const error: unknown = await verifier
    .verify(bearerRequest(token))
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ status: 401, code: 'ERR_POP_TOKEN_UNKNOWN' })
  return (error as PopError).cause
}

describe('a token that nobody recognises', () => {
  test.each<[string, object, string]>([
    ['a slash too many', { iss: `${issuer}/`, aud: apiUrl }, `${issuer}/ (aud ${apiUrl})`],
    ['no issuer', { aud: apiUrl }, `none (aud ${apiUrl})`],
    ['no issuer and no audience', {}, 'none'],
    ['a list of issuers', { iss: [issuer] }, 'none'],
    [
      'an audience of another API',
      { iss: 'https://sts.windows.net/x/', aud: '00000003-0000-0000-c000-000000000000' },
      'https://sts.windows.net/x/ (aud 00000003-0000-0000-c000-000000000000)',
    ],
    ['a long name', { iss: 'x'.repeat(5000) }, 'x'.repeat(160)],
  ])('shows its iss beside the configured ones: %s', async (_, claims, actual) => {
    expect(await evidenceOf(jwt, tokenOf(claims))).toEqual({
      member: 'iss',
      expected: issuer,
      actual,
    })
  })

  test('shows that it is no JWT', async () => {
    expect(await evidenceOf(jwt, 'opaque-token')).toEqual({
      member: 'jwtTokens',
      actual: 'neither a JWT nor one encrypted for us',
    })
  })

  test('shows what each resolver says of it', async () => {
    const own: TokenResolver = {
      async resolve(_token, { explain }) {
        explain?.({ member: 'ours', actual: 'no prefix', expected: 'at_' })
        return undefined
      },
    }
    expect(await evidenceOf([jwt, stored, own], tokenOf({ iss: 'https://b.example' }))).toEqual({
      member: 'tokens',
      actual: `iss: https://b.example instead of ${issuer}; storedTokens: no record; ours: no prefix instead of at_`,
    })
  })

  test('is not shown itself, whatever a resolver says', async () => {
    const token = 'opaque-token-0123456789-abcdefgh'
    const own: TokenResolver = {
      async resolve(actual, { explain }) {
        explain?.({ member: 'ours', actual: `no ${actual.slice(3)}` })
        return undefined
      },
    }
    expect(await evidenceOf(own, token)).toEqual({ member: 'ours', actual: 'no [token]' })
  })
})
