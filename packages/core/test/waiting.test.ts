import { KeyObject } from 'node:crypto'
import {
  bearer,
  createVerifier,
  introspectedTokens,
  jwtTokens,
  pop,
  PopError,
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
  type FaultServer,
} from '@oauth-pop/testkit'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { bearerRequest } from './bearer-request.ts'
import { createIssuerKey } from './issuer-key.ts'

const clock = createClock()
const { holder } = createHolders()
const alice = holder()
const issuer = 'https://as.example.com'
const forever = new Promise<never>(() => {})

let server: FaultServer
beforeAll(async () => {
  server = await startFaultServer()
  server.answer('hang')
})
afterAll(() => server.close())

/** A JWT that nobody signed: enough to make an API look for the issuer's keys. */
const madeUp = (iss: string, index: number): string =>
  signCompact(
    { alg: 'ES256', typ: 'at+jwt', kid: `${index}` },
    { iss, aud: apiUrl, exp: clock.seconds() + 60, n: index },
    alice.privateKey,
  )

interface Api {
  readonly tokens: TokenResolver
  readonly token: (index: number) => string
  readonly scheme?: Scheme
}

const apis: Readonly<Record<string, () => Api>> = {
  'jwtTokens, whose key set hangs': () => ({
    tokens: jwtTokens({ issuer, audience: apiUrl, jwks: `${server.url}/keys` }),
    token: (index) => madeUp(issuer, index),
  }),
  'jwtTokens, whose discovery hangs': () => ({
    tokens: jwtTokens({ issuer: server.url, audience: apiUrl }),
    token: (index) => madeUp(server.url, index),
  }),
  'jwtTokens for any tenant, whose discovery hangs': () => ({
    tokens: jwtTokens({ issuer: `${server.url}/{tenantid}/v2.0`, audience: apiUrl }),
    token(index) {
      const tenant = `00000000-0000-0000-0000-${`${index % 50}`.padStart(12, '0')}`
      return madeUp(`${server.url}/${tenant}/v2.0`, index)
    },
  }),
  'jwtTokens, whose issuer function hangs': () => ({
    tokens: jwtTokens({ issuer: () => forever, audience: apiUrl }),
    token: (index) => madeUp(issuer, index),
  }),
  'introspectedTokens, whose server hangs': () => ({
    tokens: introspectedTokens({
      endpoint: `${server.url}/introspect`,
      clientId: 'api',
      clientSecret: 'secret',
      audience: apiUrl,
    }),
    token: (index) => `token-${index}`,
  }),
  'storedTokens, whose lookup hangs': () => ({
    tokens: storedTokens(() => forever, { audience: apiUrl }),
    token: (index) => `token-${index}`,
  }),
  'a resolver of the application that hangs': () => ({
    tokens: { resolve: () => forever },
    token: (index) => `token-${index}`,
  }),
  'pop, whose resolveKey hangs': () => ({
    tokens: storedTokens(() => ({ aud: apiUrl }), { audience: apiUrl }),
    token: (index) => `token-${index}`,
    scheme: pop({ resolveKey: () => forever }),
  }),
  'pop, whose key sets behind cnf.jku hang': () => ({
    tokens: storedTokens((_hash, token) => ({ aud: apiUrl, cnf: { jku: token } }), {
      audience: apiUrl,
    }),
    token: (index) => `${server.url}/keys/${index % 50}`,
    scheme: pop({ jkuHosts: ['127.0.0.1'] }),
  }),
}

function askerOf({ tokens, token, scheme }: Api): (index: number) => Promise<number> {
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    schemes: [scheme ?? bearer()],
    now: clock.now,
  })
  return async function ask(index) {
    const accessToken = token(index)
    const request =
      scheme === undefined
        ? bearerRequest(accessToken)
        : popRequest(signPop({ ...alice, accessToken }, clock.seconds()))
    return verifier.verify(request).then(
      () => 200,
      (error: unknown) => (error instanceof PopError ? error.status : 0),
    )
  }
}

describe('of 2,000 requests, never more than 1,000 wait and the others are 503 at once with', () => {
  // All at once, because each waits for ten seconds.
  test.concurrent.each(Object.entries(apis))(
    '%s',
    { tags: ['rule-waiting-bound'], timeout: 60_000 },
    async (_, makeApi) => {
      const ask = askerOf(makeApi())
      const statuses = new Set<number>()
      const all: Promise<void>[] = []
      let [waiting, most] = [0, 0]
      for (let index = 0; index < 2000; index += 1) {
        waiting += 1
        const asked = ask(index).then((status) => {
          waiting -= 1
          statuses.add(status)
        })
        all.push(asked)
        // What need not wait is answered by now.
        if (index % 50 === 49) await settle()
        most = Math.max(most, waiting - (index % 50) - 1)
      }
      expect(most).toBeLessThanOrEqual(1000)
      await Promise.all(all)
      expect([...statuses]).toEqual([503])
    },
  )
})

const settle = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

test(
  'while more than 1,000 wait for a renewal that hangs, the good keys serve the rest at once',
  { tags: ['rule-waiting-bound'], timeout: 30_000 },
  async () => {
    const key = await createIssuerKey('1', 'ES256')
    let renewing = false
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    onTestFinished(() => void vi.restoreAllMocks())
    const tokens = jwtTokens({
      issuer,
      audience: apiUrl,
      jwks: 'https://as.example.com/keys',
      async fetch() {
        return renewing ? forever : Response.json({ keys: [key.jwk] })
      },
    })
    const accessToken = signCompact(
      { alg: 'ES256', typ: 'at+jwt', kid: '1' },
      { iss: issuer, aud: apiUrl, exp: clock.seconds() + 60 },
      KeyObject.from(key.privateKey),
    )
    const ask = askerOf({ tokens, token: () => accessToken })
    expect(await ask(0)).toBe(200)
    renewing = true
    now += 600_000
    let accepted = 0
    for (let index = 0; index < 1500; index += 1) {
      void ask(index).then((status) => (accepted += status === 200 ? 1 : 0))
    }
    await expect.poll(() => accepted, { timeout: 10_000 }).toBe(500)
  },
)
