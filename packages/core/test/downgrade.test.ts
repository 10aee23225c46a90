import {
  bearer,
  createVerifier,
  dpop,
  introspectedTokens,
  jwtTokens,
  pop,
  storedTokens,
  type HttpRequest,
  type TokenResolver,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  dpopRequest,
  outcomeOf,
  popRequest,
  signDpop,
  signPop,
  thumbprintOf,
} from '@oauth-pop/testkit'
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { createIssuerKey } from './issuer-key.ts'

type Claims = Readonly<Record<string, unknown>>
/** A token that says this, and the resolver that knows it. */
type Source = (claims: Claims) => Promise<readonly [accessToken: string, tokens: TokenResolver]>

const clock = createClock()
const alice = createHolders().holder()
const kid = thumbprintOf(alice.jwk)
const issuer = 'https://as.example.com'
const key = await createIssuerKey('1', 'ES256')

const sources: Readonly<Record<string, Source>> = {
  async 'a JWT'(claims) {
    const token = new SignJWT({ iss: issuer, exp: clock.seconds() + 60, ...claims })
    const header = { alg: 'ES256', typ: 'at+jwt', kid: '1' }
    const jwks = { keys: [key.jwk as object] }
    return [
      await token.setProtectedHeader(header).sign(key.privateKey),
      jwtTokens({ issuer, audience: apiUrl, jwks: jwks as never }),
    ]
  },
  async 'an introspected token'(claims) {
    const credentials = { endpoint: issuer, clientId: 'api', clientSecret: 'secret' }
    const fetch = async (): Promise<Response> => Response.json({ active: true, ...claims })
    return ['token', introspectedTokens({ ...credentials, audience: apiUrl, fetch })]
  },
  async 'a stored token'(claims) {
    return ['token', storedTokens(() => claims, { audience: apiUrl })]
  },
  async 'a token of a resolver of its own'(claims) {
    return ['token', { resolve: async () => ({ claims, scopes: [], audience: [] }) }]
  },
}

/** What a token says of its key, and the one scheme that takes it. */
const bindings: Readonly<Record<string, readonly [Claims, string | undefined]>> = {
  nothing: [{}, 'Bearer'],
  jwk: [{ cnf: { jwk: alice.jwk } }, 'PoP'],
  kid: [{ cnf: { kid } }, 'PoP'],
  jkt: [{ cnf: { jkt: kid } }, 'DPoP'],
  'x5t#S256': [{ cnf: { 'x5t#S256': kid } }, undefined],
  'an empty cnf': [{ cnf: {} }, undefined],
  'a cnf of null': [{ cnf: null }, undefined],
  'a token_type of PoP alone': [{ token_type: 'PoP' }, undefined],
  'a token_type of DPoP alone': [{ token_type: 'DPoP' }, undefined],
  'jwk and a token_type of DPoP': [{ cnf: { jwk: alice.jwk }, token_type: 'dpop' }, undefined],
  'jkt and a token_type of PoP': [{ cnf: { jkt: kid }, token_type: 'pop' }, undefined],
  'a method that nobody knows': [{ cnf: { 'x-other': kid } }, undefined],
}

/** The schemes in which a token is accepted, with a valid proof of its client in each. */
async function takersOf(accessToken: string, tokens: TokenResolver): Promise<readonly string[]> {
  const schemes = [pop(), dpop(), bearer()]
  const verifier = createVerifier({ publicUrl: apiUrl, tokens, schemes, now: clock.now })
  const own = { ...alice, accessToken }
  const now = clock.seconds()
  const rawHeaders = ['Host', 'api.example.com', 'Authorization', `Bearer ${accessToken}`]
  const requests: Readonly<Record<string, HttpRequest>> = {
    PoP: popRequest(signPop(own, now, { cnf: { jwk: alice.jwk } })),
    DPoP: dpopRequest(own, signDpop(own, now)),
    Bearer: { method: 'GET', target: '/items', rawHeaders },
  }
  const takers: string[] = []
  for (const [scheme, request] of Object.entries(requests)) {
    if ((await outcomeOf(verifier.verify(request))) === 'accepted') takers.push(scheme)
  }
  return takers
}

describe.each(Object.entries(sources))('%s', (_source, makeToken) => {
  test.each(Object.entries(bindings))(
    'bound by %s is taken by the scheme of that binding only',
    {
      tags: [
        'rule-scheme-of-confirmation',
        'rule-bearer-unbound-only',
        'rule-rival-token-type',
        'attack-182',
        'shr-cnf-required',
      ],
    },
    async (_binding, [claims, scheme]) => {
      const [accessToken, tokens] = await makeToken({ aud: apiUrl, ...claims })
      expect(await takersOf(accessToken, tokens)).toEqual(scheme === undefined ? [] : [scheme])
    },
  )
})

test.each(['an introspected token', 'a stored token', 'a token of a resolver of its own'])(
  '%s with a key in a member of its own is bound to it',
  { tags: ['rule-bearer-unbound-only', 'shr-key-introspected'] },
  async (source) => {
    const makeToken = sources[source] as Source
    const [accessToken, tokens] = await makeToken({ aud: apiUrl, access_token_key: alice.jwk })
    expect(await takersOf(accessToken, tokens)).toEqual(['PoP'])
  },
)

test(
  'a certificate that an object of a resolver inherits is asked for beside its key',
  { tags: ['mtls-bound'] },
  async () => {
    const inherited = Object.create({ 'x5t#S256': kid }) as Record<string, unknown>
    const confirmation = Object.assign(inherited, { jkt: kid })
    const verifier = createVerifier({
      publicUrl: apiUrl,
      now: clock.now,
      tokens: { resolve: async () => ({ claims: {}, scopes: [], audience: [], confirmation }) },
      schemes: [dpop()],
    })
    const proof = signDpop(alice, clock.seconds())
    const outcome = outcomeOf(verifier.verify(dpopRequest(alice, proof)))
    expect(await outcome).toBe('ERR_POP_BINDING_OTHER_METHOD')
  },
)

test(
  'claims in a Map are no claims, so that a binding among them is not overlooked',
  { tags: ['attack-150'] },
  async () => {
    const claims = new Map([['cnf', { jkt: kid }]]) as unknown as Claims
    const verifier = createVerifier({
      publicUrl: apiUrl,
      tokens: { resolve: async () => ({ claims, scopes: [], audience: [] }) },
      schemes: [bearer()],
    })
    const rawHeaders = ['Host', 'api.example.com', 'Authorization', 'Bearer token']
    const outcome = outcomeOf(verifier.verify({ method: 'GET', target: '/items', rawHeaders }))
    expect(await outcome).toBe('ERR_POP_TOKEN_SOURCE_UNAVAILABLE')
  },
)
