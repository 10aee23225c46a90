import {
  bearer,
  createVerifier,
  introspectedTokens,
  jwtTokens,
  pop,
  storedTokens,
  type IntrospectedTokensOptions,
  type JwtTokensOptions,
  type PopError,
  type PopOptions,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  outcomeOf,
  popRequest,
  signCompact,
  signPop,
} from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'
import { bearerRequest } from './bearer-request.ts'

const clock = createClock()
const alice = createHolders().holder()
const { privateKey, jwk } = alice
/** The name in tokens, and the address inside of the containers. */
const [issuer, address] = ['http://localhost:8080/realms/demo', 'http://keycloak:8080/realms/demo']
const keys = `${address}/keys`

type Json = Readonly<Record<string, unknown>>

function serve(answers: Readonly<Record<string, Json>>): typeof fetch & { asked: string[] } {
  const asked: string[] = []
  const answer: typeof fetch = async (input) => {
    const { url } = new Request(input)
    asked.push(url)
    const found = answers[url]
    return found === undefined ? new Response(null, { status: 404 }) : Response.json(found)
  }
  return Object.assign(answer, { asked })
}

const jwt = (change: Partial<JwtTokensOptions>): ReturnType<typeof jwtTokens> =>
  jwtTokens({ issuer, audience: apiUrl, ...change })

const introspect = (change: Partial<IntrospectedTokensOptions>): ReturnType<typeof jwtTokens> =>
  introspectedTokens({
    endpoint: `${address}/introspect`,
    clientId: 'api',
    clientSecret: 'secret',
    audience: apiUrl,
    ...change,
  })

function ask(tokens: ReturnType<typeof jwtTokens>, iss = issuer): Promise<string> {
  const token = signCompact(
    { alg: 'ES256', typ: 'at+jwt' },
    { iss, aud: apiUrl, exp: clock.seconds() + 60 },
    privateKey,
  )
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    schemes: [bearer()],
    now: clock.now,
  })
  return outcomeOf(verifier.verify(bearerRequest(token)))
}

function askJku(options: PopOptions, jku = keys): Promise<unknown> {
  const tokens = storedTokens(() => ({ cnf: { jku }, aud: apiUrl }), { audience: apiUrl })
  const schemes = [pop({ jkuHosts: ['keycloak'], ...options })]
  const verifier = createVerifier({ publicUrl: apiUrl, tokens, schemes, now: clock.now })
  return verifier.verify(popRequest(signPop(alice, clock.seconds()))).then(
    () => 'accepted',
    ({ code, cause }: PopError) => ({ code, cause }),
  )
}

const metadata = (iss: string): Json => ({ issuer: iss, jwks_uri: keys })
const discovery = `${address}/.well-known/openid-configuration`
const advice =
  'is plain http beyond loopback, which anybody on the way can change: write https, or dangerouslyAllowHttp: true'

describe('plain http beyond loopback', { tags: ['rule-insecure-http'] }, () => {
  test.each<[string, () => unknown]>([
    ['jwtTokens jwks', () => jwt({ jwks: keys })],
    ['jwtTokens issuer, without jwks,', () => jwt({ issuer: address })],
    ['introspectedTokens endpoint', () => introspect({})],
  ])('is refused at start-up, with the option that allows it: %s', (name, make) => {
    expect(make).toThrow(`${name} ${advice}`)
  })

  test('serves a key set when it is allowed, for an issuer of another name', async () => {
    const fetch = serve({ [keys]: { keys: [jwk] } })
    expect(await ask(jwt({ jwks: keys, dangerouslyAllowHttp: true, fetch }))).toBe('accepted')
    expect(fetch.asked).toEqual([keys])
  })

  test('serves metadata and the key set that they name when it is allowed', async () => {
    const fetch = serve({ [discovery]: metadata(address), [keys]: { keys: [jwk] } })
    const tokens = jwt({ issuer: address, dangerouslyAllowHttp: true, fetch })
    expect(await ask(tokens, address)).toBe('accepted')
  })

  test('is not followed from metadata that came by loopback or https', async () => {
    const fetch = serve({
      [`${issuer}/.well-known/openid-configuration`]: metadata(issuer),
      [keys]: { keys: [jwk] },
    })
    expect(await ask(jwt({ fetch }))).toBe('ERR_POP_TOKEN_SOURCE_UNAVAILABLE')
    expect(fetch.asked).not.toContain(keys)
    expect(await ask(jwt({ fetch, dangerouslyAllowHttp: true }))).toBe('accepted')
  })

  test('serves introspection when it is allowed', async () => {
    const fetch = serve({ [`${address}/introspect`]: { active: true, aud: apiUrl } })
    expect(await ask(introspect({ dangerouslyAllowHttp: true, fetch }))).toBe('accepted')
  })

  test('is not followed from cnf.jku unless it is allowed, and the evidence says how', async () => {
    const fetch = serve({ [keys]: { keys: [jwk] } })
    expect(await askJku({ fetch })).toEqual({
      code: 'ERR_POP_CONFIRMATION_INVALID',
      cause: { member: 'jku', actual: expect.stringContaining(`jku ${advice}`) as string },
    })
    expect(fetch.asked).toEqual([])
    expect(await askJku({ fetch, dangerouslyAllowHttp: true })).toBe('accepted')
    expect(fetch.asked).toEqual([keys])
  })

  test.each(['ftp://keycloak/keys', 'http://user:secret@keycloak/keys', 'keys'])(
    'is all that it allows: %s',
    async (jwks) => {
      expect(() => jwt({ jwks, dangerouslyAllowHttp: true })).toThrow('must be an https URL')
      const fetch = serve({})
      expect(await askJku({ fetch, dangerouslyAllowHttp: true }, jwks)).toMatchObject({
        cause: { actual: expect.stringContaining('jku must be an https URL') as string },
      })
      expect(fetch.asked).toEqual([])
    },
  )
})

const sources: Readonly<Record<string, (change: object) => unknown>> = {
  jwtTokens: (change) => jwt({ jwks: { keys: [jwk] }, ...change }),
  introspectedTokens: (change) => introspect({ endpoint: 'https://as.example/i', ...change }),
  pop: (change) => pop({ jkuHosts: ['keycloak'], ...change }),
}

describe.each(Object.entries(sources))('%s', (where, make) => {
  test.each([
    ['fetch', 'yes', 'must be a function'],
    ['dangerouslyAllowHttp', 'yes', 'must be true or false'],
  ])('%s may not be %j', (name, value, message) => {
    expect(() => make({ [name]: value })).toThrow(`${where} ${name} ${message}`)
  })
})
