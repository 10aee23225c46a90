import { createVerifier, optionsFromEnvironment } from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  outcomeOf,
  popRequest,
  signPop,
  startFaultServer,
} from '@oauth-pop/testkit'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'

const clock = createClock()
const { holder } = createHolders()

const jwt = {
  OAUTH_POP_PUBLIC_URL: apiUrl,
  OAUTH_POP_AUDIENCE: apiUrl,
  OAUTH_POP_ISSUER: 'https://as.example.com',
}
const opaque = {
  OAUTH_POP_PUBLIC_URL: apiUrl,
  OAUTH_POP_AUDIENCE: apiUrl,
  OAUTH_POP_INTROSPECTION_ENDPOINT: 'https://as.example.com/introspect',
  OAUTH_POP_CLIENT_ID: 'api',
  OAUTH_POP_CLIENT_SECRET: 'secret',
}

describe('optionsFromEnvironment', () => {
  test('makes lists of commas, and forgets what is empty', { tags: ['rule-environment'] }, () => {
    const publicUrl = ` ${apiUrl} , https://b.example.com,`
    const options = optionsFromEnvironment({ ...jwt, OAUTH_POP_PUBLIC_URL: publicUrl })
    expect(options.publicUrl).toEqual([apiUrl, 'https://b.example.com'])
    expect(options.tokens).toHaveLength(1)
  })

  test('takes JWTs, opaque tokens, or both', () => {
    expect(optionsFromEnvironment(opaque).tokens).toHaveLength(1)
    expect(optionsFromEnvironment({ ...jwt, ...opaque }).tokens).toHaveLength(2)
    expect(() => createVerifier(optionsFromEnvironment({ ...jwt, ...opaque }))).not.toThrow()
  })

  test.each<[string, Record<string, string>, string[]]>([
    ['nothing', {}, ['PUBLIC_URL', 'AUDIENCE', 'ISSUER or OAUTH_POP_INTROSPECTION_ENDPOINT']],
    ['an empty audience', { ...jwt, OAUTH_POP_AUDIENCE: ' ' }, ['AUDIENCE']],
    ['no client', { ...opaque, OAUTH_POP_CLIENT_ID: '' }, ['CLIENT_ID']],
    ['no secret', { ...jwt, ...opaque, OAUTH_POP_CLIENT_SECRET: '' }, ['CLIENT_SECRET']],
  ])(
    'names what is missing: %s',
    { tags: ['rule-environment-missing'] },
    (_, environment, missing) => {
      const names = missing.map((name) => `OAUTH_POP_${name}`).join(', ')
      expect(() => optionsFromEnvironment(environment)).toThrow(`the environment lacks ${names} (`)
    },
  )

  test.each<[string, Record<string, string>]>([
    ['a path mode that is none', { ...jwt, OAUTH_POP_PATH: 'loose' }],
    ['an issuer that is no URL', { ...jwt, OAUTH_POP_ISSUER: 'as' }],
    ['an insecure endpoint', { ...opaque, OAUTH_POP_INTROSPECTION_ENDPOINT: 'http://as.example' }],
  ])('refuses %s', { tags: ['rule-environment'] }, (_, environment) => {
    expect(() => optionsFromEnvironment(environment)).toThrow(TypeError)
  })

  test(
    'tries a JWT first and asks the server about everything else',
    { tags: ['rule-environment-order'] },
    async () => {
      const server = await startFaultServer()
      const { privateKey, publicKey } = await generateKeyPair('ES256')
      const alice = holder()
      const now = clock.seconds()
      server.answerByPath((path) => {
        if (path === '/introspect') return { active: true, aud: apiUrl, cnf: { jwk: alice.jwk } }
        if (path !== '/keys') return { issuer: server.url, jwks_uri: `${server.url}/keys` }
        return { keys: [key] }
      })
      const key = await exportJWK(publicKey)
      const options = optionsFromEnvironment({
        ...jwt,
        ...opaque,
        OAUTH_POP_ISSUER: server.url,
        OAUTH_POP_INTROSPECTION_ENDPOINT: `${server.url}/introspect`,
        OAUTH_POP_TOKEN_TYP: 'JWT,none',
        OAUTH_POP_PATH: 'msal',
      })
      const verifier = createVerifier({ ...options, now: clock.now })
      const claims = { iss: server.url, aud: apiUrl, exp: now + 60, cnf: { jwk: alice.jwk } }
      const signed = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
        .sign(privateKey)
      for (const accessToken of [signed, alice.accessToken]) {
        const proof = signPop({ ...alice, accessToken }, now, { p: '/ITEMS' })
        expect(await outcomeOf(verifier.verify(popRequest(proof)))).toBe('accepted')
      }
      expect(server.asked.at(-1)).toBe('/introspect')
      await server.close()
    },
  )
})
