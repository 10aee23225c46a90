import {
  bearer,
  createVerifier,
  jwtTokens,
  type JwtTokensOptions,
  type Verifier,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  outcomeOf,
  signCompact,
  startFaultServer,
  type FaultServer,
} from '@oauth-pop/testkit'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { bearerRequest } from './bearer-request.ts'

const clock = createClock()
const { holder } = createHolders()
const [contoso, fabrikam] = [holder(), holder()]
const tenants = {
  contoso: '11111111-2222-3333-4444-555555555555',
  fabrikam: '66666666-7777-8888-9999-aaaaaaaaaaaa',
}
const template = 'https://login.microsoftonline.com/{tenantid}/v2.0'
const issuerOf = (tenant: string): string => template.replace('{tenantid}', tenant)
const outage = 'ERR_POP_TOKEN_SOURCE_UNAVAILABLE'
const badToken = 'ERR_POP_TOKEN_SIGNATURE_INVALID'
const unknown = 'ERR_POP_TOKEN_UNKNOWN'

let elapsed = 0
let server: FaultServer
beforeEach(async () => {
  server = await startFaultServer()
  vi.spyOn(performance, 'now').mockImplementation(() => elapsed)
})
afterEach(() => {
  vi.restoreAllMocks()
  return server.close()
})

function tokenOf(iss: string, claims: object = {}, { privateKey } = contoso): string {
  const payload = { iss, aud: apiUrl, exp: clock.seconds() + 7200, ...claims }
  return signCompact({ alg: 'ES256', typ: 'JWT' }, payload, privateKey)
}

function askerOf(options: Partial<JwtTokensOptions>): (token: string) => Promise<string> {
  const tokens = jwtTokens({ issuer: template, audience: apiUrl, typ: 'JWT', ...options })
  const verifier: Verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    schemes: [bearer()],
    now: clock.now,
  })
  return function ask(token) {
    return outcomeOf(verifier.verify(bearerRequest(token)))
  }
}

describe('an issuer with {tenantid}', { tags: ['rule-issuer-tenant'] }, () => {
  const jwks = { keys: [contoso.jwk] }
  const tid = tenants.contoso

  test.each<[string, string, object, string]>([
    ['any tenant', issuerOf(tid), { tid }, 'accepted'],
    [
      'a tenant that tid does not name',
      issuerOf(tid),
      { tid: tenants.fabrikam },
      'ERR_POP_TOKEN_CLAIM_INVALID',
    ],
    ['a token without tid', issuerOf(tid), {}, 'ERR_POP_TOKEN_CLAIM_INVALID'],
    ['the placeholder itself', template, { tid: '{tenantid}' }, unknown],
    ['a name', issuerOf('common'), { tid: 'common' }, unknown],
    ['no tenant', issuerOf(''), { tid: '' }, unknown],
    ['two segments', issuerOf(`${tid}/x`), { tid: `${tid}/x` }, unknown],
    ['a segment before', issuerOf(`x/${tid}`), { tid: `x/${tid}` }, unknown],
    ['an escaped segment', issuerOf(`${tid}%2Fx`), { tid: `${tid}%2Fx` }, unknown],
    ['a climbing path', issuerOf(`../${tid}`), { tid: `../${tid}` }, unknown],
    [
      'capitals',
      issuerOf('AAAAAAAA-2222-3333-4444-555555555555'),
      { tid: 'AAAAAAAA-2222-3333-4444-555555555555' },
      unknown,
    ],
    ['more at the end', `${issuerOf(tid)}/`, { tid }, unknown],
    ['less at the end', issuerOf(tid).slice(0, -1), { tid }, unknown],
    ['another host', issuerOf(tid).replace('login.', 'evil.'), { tid }, unknown],
    ['a line break', issuerOf(`${tid}\n`), { tid: `${tid}\n` }, unknown],
  ])('and one key set, asked with %s', async (_, iss, claims, outcome) => {
    expect(await askerOf({ jwks })(tokenOf(iss, claims))).toBe(outcome)
  })

  test('stands beside exact names, which need no tid', async () => {
    const ask = askerOf({ jwks, issuer: [template, 'https://as.example.com'] })
    expect(await ask(tokenOf('https://as.example.com'))).toBe('accepted')
    expect(await ask(tokenOf(issuerOf(tid), { tid }))).toBe('accepted')
  })

  test('has for each tenant the keys of that tenant', async () => {
    const iss = (tenant: string): string => `${server.url}/${tenant}/v2.0`
    const keysOf = new Map([
      [tenants.contoso, contoso],
      [tenants.fabrikam, fabrikam],
    ])
    server.answerByPath((path) => {
      const [, tenant = '', kind = ''] =
        /^\/([0-9a-f-]{36})\/(v2\.0\/\.well-known\/openid-configuration|keys)$/.exec(path) ?? []
      const key = keysOf.get(tenant)
      if (key === undefined) return 'status 400'
      return kind === 'keys'
        ? { keys: [key.jwk] }
        : { issuer: iss(tenant), jwks_uri: `${server.url}/${tenant}/keys` }
    })
    const ask = askerOf({ issuer: `${server.url}/{tenantid}/v2.0` })
    const signed = (tenant: string, key: typeof contoso): string =>
      tokenOf(iss(tenant), { tid: tenant }, key)
    expect(await ask(signed(tenants.contoso, contoso))).toBe('accepted')
    expect(await ask(signed(tenants.fabrikam, fabrikam))).toBe('accepted')
    expect(await ask(signed(tenants.fabrikam, contoso))).toBe(badToken)
    expect(await ask(signed(tenants.contoso, fabrikam))).toBe(badToken)
    const asked = server.asked.length
    for (let count = 0; count < 20; count += 1) {
      expect(await ask(tokenOf(iss(tid), { tid, count }))).toBe('accepted')
    }
    expect(server.asked).toHaveLength(asked)

    // A stranger makes up tenants: no tenant that is real is pushed out, and few are asked at once.
    let [inFlight, most] = [0, 0]
    const made = Array.from(
      { length: 300 },
      (_, index) => `00000000-0000-0000-0000-${`${index}`.padStart(12, '0')}`,
    )
    const strange = askerOf({
      issuer: `${server.url}/{tenantid}/v2.0`,
      async fetch(input, init) {
        const isMadeUp = new Request(input).url.includes('00000000-')
        if (isMadeUp) most = Math.max(most, (inFlight += 1))
        const response = await fetch(input, init)
        if (isMadeUp) inFlight -= 1
        return response
      },
    })
    expect(await strange(signed(tenants.contoso, contoso))).toBe('accepted')
    const answers = await Promise.all(
      made.map((tenant) => strange(tokenOf(iss(tenant), { tid: tenant }))),
    )
    for (const tenant of made) await strange(tokenOf(iss(tenant), { tid: tenant }))
    expect([new Set(answers), most]).toEqual([new Set([outage]), 16])
    const before = server.asked.length
    expect(await strange(tokenOf(iss(tid), { tid, again: true }))).toBe('accepted')
    expect(server.asked).toHaveLength(before)
  }, 30_000)

  test.each([
    'https://login.microsoftonline.com/{tenant}/v2.0',
    'https://login.microsoftonline.com/{tenantid',
    'https://login.microsoftonline.com/tenantid}/v2.0',
    'https://login.microsoftonline.com/x{tenantid}/v2.0',
    'https://login.microsoftonline.com/{tenantid}x/v2.0',
    'https://login.microsoftonline.com/{tenantid}/{tenantid}',
    'https://login.microsoftonline.com/{tenantid}/{other}',
    '{tenantid}',
  ])('may not be written as %s', (issuer) => {
    expect(() => askerOf({ issuer, jwks })).toThrow(
      'is no template; write one whole path segment as {tenantid}',
    )
  })

  test.each(['http://as.example.com/{tenantid}/', 'as.example.com/{tenantid}'])(
    'and without jwks may not be %s',
    (issuer) => {
      expect(() => askerOf({ issuer })).toThrow('jwtTokens issuer, without jwks,')
    },
  )
})

describe('a function as the issuer', () => {
  const jwks = { keys: [contoso.jwk] }
  const good = 'https://good.example'

  test('says which are accepted, and a yes counts for a minute', async () => {
    let accepted = [good]
    const check = vi.fn<(issuer: string) => Promise<boolean>>(async (issuer) =>
      accepted.includes(issuer),
    )
    const ask = askerOf({ jwks, issuer: check })
    expect(await ask(tokenOf(good))).toBe('accepted')
    expect(await ask(tokenOf(good, { n: 1 }))).toBe('accepted')
    expect(check).toHaveBeenCalledTimes(1)
    accepted = []
    elapsed += 59_999
    expect(await ask(tokenOf(good))).toBe('accepted')
    elapsed += 1
    expect(await ask(tokenOf(good))).toBe(unknown)
    accepted = [good]
    expect(await ask(tokenOf(good))).toBe('accepted')
  })

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('database')
      },
    ],
    ['rejects', () => Promise.reject(new Error('database'))],
    ['answers with text', () => 'yes'],
    ['answers with nothing', () => undefined],
    ['resolves to one', async () => 1],
  ])('that %s is an outage', async (_, check) => {
    expect(await askerOf({ jwks, issuer: check as () => boolean })(tokenOf(good))).toBe(outage)
  })

  test('is not asked about a name of any length, nor about none', async () => {
    const check = vi.fn<() => boolean>(() => true)
    const ask = askerOf({ jwks, issuer: check })
    expect(await ask(tokenOf('x'.repeat(2049)))).toBe(unknown)
    expect(await ask(tokenOf(7 as never))).toBe(unknown)
    expect(check).not.toHaveBeenCalled()
  })

  test('leads to discovery over https only', async () => {
    const ask = askerOf({
      issuer: () => true,
      fetch: async () => new Response(null, { status: 404 }),
    })
    expect(await ask(tokenOf('http://as.example.com'))).toBe(outage)
    expect(await ask(tokenOf('file:///etc/passwd'))).toBe(outage)
  })
})

test.each<[unknown, string]>([
  [undefined, 'jwtTokens issuer is missing'],
  [7, 'jwtTokens issuer must be a non-empty string or a list of them; it is of type number'],
  [null, 'jwtTokens issuer must be a non-empty string or a list of them; it is null'],
  [{}, 'jwtTokens issuer must be a non-empty string or a list of them; it is of type object'],
  [[], 'jwtTokens issuer must not be an empty list'],
  ['', 'jwtTokens issuer must be a non-empty string; it is empty'],
  [[7], 'jwtTokens issuer must be a non-empty string; it is of type number'],
  [[template, null], 'jwtTokens issuer must be a non-empty string; it is null'],
  [[[]], 'jwtTokens issuer must be a non-empty string; it is a list'],
  [[() => true], 'jwtTokens issuer must be a non-empty string; it is of type function'],
])('a wrong issuer is named as what it is: %j', (issuer, message) => {
  expect(() => jwtTokens({ issuer: issuer as string, audience: apiUrl })).toThrow(message)
})
