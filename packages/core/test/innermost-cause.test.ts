import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import {
  bearer,
  createVerifier,
  introspectedTokens,
  jwtTokens,
  pop,
  type PopError,
  storedTokens,
  type Scheme,
  type TokenResolver,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  popRequest,
  signCompact,
  signPop,
  startFaultServer,
} from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'
import { bearerRequest } from './bearer-request.ts'

const clock = createClock()
const alice = createHolders().holder()

/** A port that nobody listens on. */
const closed = await startFaultServer()
await closed.close()
const { host } = new URL(closed.url)

async function causeOf(
  tokens: TokenResolver,
  accessToken: string,
  scheme: Scheme = pop(),
): Promise<Error & { code?: string }> {
  const verifier = createVerifier({ publicUrl: apiUrl, tokens, schemes: [scheme], now: clock.now })
  const request =
    scheme.name === 'Bearer'
      ? bearerRequest(accessToken)
      : popRequest(signPop({ ...alice, accessToken }, clock.seconds()))
  const error: unknown = await verifier.verify(request).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ status: 503 })
  return (error as PopError).cause as Error
}

const jwtOf = (iss: string): string =>
  signCompact(
    { alg: 'ES256', typ: 'at+jwt' },
    { iss, aud: apiUrl, exp: clock.seconds() + 60 },
    alice.privateKey,
  )

const introspect = (endpoint: string): TokenResolver =>
  introspectedTokens({ endpoint, clientId: 'api', clientSecret: 'secret', audience: apiUrl })

describe('a server that is not there is named with host, path and the innermost code', () => {
  test.each<[string, () => Promise<Error & { code?: string }>, string]>([
    [
      'for a key set',
      () =>
        causeOf(
          jwtTokens({ issuer: 'i', audience: apiUrl, jwks: `${closed.url}/keys?x=1` }),
          jwtOf('i'),
        ),
      `${host}/keys`,
    ],
    [
      'for discovery',
      () => causeOf(jwtTokens({ issuer: closed.url, audience: apiUrl }), jwtOf(closed.url)),
      `${host}/.well-known/openid-configuration`,
    ],
    [
      'for introspection',
      () => causeOf(introspect(`${closed.url}/introspect?key=1`), 'opaque-1'),
      `${host}/introspect`,
    ],
    [
      'for cnf.jku',
      () => {
        const record = { aud: apiUrl, cnf: { jku: `${closed.url}/jku` } }
        const scheme = pop({ jkuHosts: ['127.0.0.1'] })
        return causeOf(
          storedTokens(() => record, { audience: apiUrl }),
          'opaque-1',
          scheme,
        )
      },
      `${host}/jku`,
    ],
  ])('%s', async (_, cause, place) => {
    const { message, code } = await cause()
    expect(message).toContain(`no answer from ${place}: `)
    expect(message).toContain('ECONNREFUSED')
    expect(message).not.toContain('=1')
    expect(code).toBe('ECONNREFUSED')
  })

  test('in a lookup and a resolveKey of the application', async () => {
    const ask = (): Promise<never> => fetch(`${closed.url}/row`) as Promise<never>
    const lookup = await causeOf(storedTokens(ask, { audience: apiUrl }), 'opaque-1')
    const unbound = storedTokens(() => ({ aud: apiUrl }), { audience: apiUrl })
    const key = await causeOf(unbound, 'opaque-1', pop({ resolveKey: ask }))
    for (const { message, code } of [lookup, key]) {
      expect(message).toMatch(/^fetch failed: .*ECONNREFUSED/)
      expect(code).toBe('ECONNREFUSED')
    }
  })

  test('which of several attempts shows the first', async () => {
    const attempts = new AggregateError([
      Object.assign(new Error('connect ::1'), { code: 'ECONNREFUSED' }),
      Object.assign(new Error('connect 127.0.0.1'), { code: 'EPERM' }),
    ])
    const fails: TokenResolver = {
      resolve: () => Promise.reject(new TypeError('fetch failed', { cause: attempts })),
    }
    const { message, code } = await causeOf(fails, 'opaque-1', bearer())
    expect([message, code]).toEqual(['fetch failed: ECONNREFUSED connect ::1', 'ECONNREFUSED'])
  })

  test('of an error without causes is its own, and its message comes once', async () => {
    const sealed = Object.assign(new Error('vault is sealed'), { code: 'EVAULT' })
    const fails: TokenResolver = { resolve: () => Promise.reject(sealed) }
    const { message, code } = await causeOf(fails, 'opaque-1', bearer())
    expect([message, code]).toEqual(['EVAULT vault is sealed', 'EVAULT'])
  })

  test('whose causes are a ring', async () => {
    const ring = new Error('outer')
    ring.cause = new Error('inner', { cause: ring })
    const { message } = await causeOf({ resolve: () => Promise.reject(ring) }, 'opaque-1', bearer())
    expect(message).toBe('outer')
  })
})

test('a certificate that nobody vouches for is named as such', async () => {
  const read = (name: string): Buffer =>
    readFileSync(new URL(`./certificates/${name}`, import.meta.url))
  const server = createServer({ key: read('key.pem'), cert: read('cert.pem') }, (_, response) =>
    response.end('{}'),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const { message, code } = await causeOf(introspect(`https://localhost:${port}/in`), 'opaque-1')
  server.close()
  expect(code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  expect(message).toContain(`no answer from localhost:${port}/in: DEPTH_ZERO_SELF_SIGNED_CERT`)
})

test('a server that does not answer in time is named as such', async () => {
  const server = await startFaultServer()
  server.answer('hang')
  const { message } = await causeOf(introspect(`${server.url}/in`), 'opaque-1')
  expect(message).toContain(`no answer in time from ${new URL(server.url).host}/in`)
  await server.close()
})
