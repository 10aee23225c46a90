import type { TestTags } from 'vitest'
import type { PopErrorCode } from '@oauth-pop/core'
import type { AdapterOptions } from '@oauth-pop/core/node'
import { apiUrl, createHolders, hashOf, signDpop, signPop, type Holder } from './builders.ts'
import { createClock, type FakeClock } from './clock.ts'
import type { Guards } from './describe-adapter.ts'
import type { RawRequest } from './raw-http.ts'

type Requirements = readonly TestTags['requirement'][]

/** A request, the status it gets, the code of the refusal, and the requirements that this proves. */
type Refusal = readonly [
  build: () => RawRequest,
  status: number,
  code: PopErrorCode,
  requirements?: Requirements,
]

/** A request to a guarded route, and its status. */
interface GuardedScenario {
  readonly guards: Guards
  readonly status: number
  readonly build: () => RawRequest
  /** The one challenge of the answer, where its words matter. */
  readonly challenge?: string
  readonly optional?: true
  readonly requirements?: Requirements
}

type Claims = Readonly<Record<string, unknown>>

/** Requests as they go over the wire, valid until changed; each call signs anew. */
export interface Scenarios {
  readonly options: AdapterOptions
  readonly clock: FakeClock
  readonly signedByDpop: Holder
  readonly sign: (claims?: Claims) => string
  readonly request: (change?: Partial<RawRequest>, claims?: Claims) => RawRequest
  readonly withHeaders: (...more: readonly [string, string][]) => RawRequest['headers']
  readonly post: (body: Uint8Array, claims: Claims, change?: Partial<RawRequest>) => RawRequest
  /** One change each, away from a valid request. */
  readonly refusals: Readonly<Record<string, Refusal>>
  readonly guarded: Readonly<Record<string, GuardedScenario>>
}

export function createScenarios(): Scenarios {
  const { holder, tokens } = createHolders()
  const clock: FakeClock = createClock()
  const options: AdapterOptions = {
    publicUrl: apiUrl,
    tokens,
    now: clock.now,
    maxBodyBytes: 1000,
  }
  const alice = holder()
  const signedByDpop = holder('jkt')

  const sign = (claims: Claims = {}): string => signPop(alice, clock.seconds(), claims)
  const request = (change: Partial<RawRequest> = {}, claims: Claims = {}): RawRequest => ({
    method: 'GET',
    target: '/items',
    ...change,
    headers: change.headers ?? [
      ['Host', 'api.example.com'],
      ['Authorization', `PoP ${sign(claims)}`],
    ],
  })
  const withHeaders = (...more: [string, string][]): RawRequest['headers'] => [
    ['Host', 'api.example.com'],
    ...more,
  ]
  const post = (
    body: Uint8Array,
    claims: Claims,
    change: Partial<RawRequest> = {},
  ): RawRequest => ({
    ...request({ method: 'POST' }, { m: 'POST', ...claims }),
    body,
    ...change,
  })

  const refusals: Record<string, Refusal> = {
    'no credential': [
      () => request({ headers: withHeaders() }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['answer-no-credential', 'answer-no-store', 'answer-handler-not-run'],
    ],
    'a scheme that is not enabled': [
      () => request({ headers: withHeaders(['Authorization', 'Basic YTpi']) }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['answer-scheme-disabled'],
    ],
    'two Authorization lines': [
      () =>
        request({
          headers: withHeaders(
            ['Authorization', `PoP ${sign()}`],
            ['authorization', `PoP ${sign()}`],
          ),
        }),
      400,
      'ERR_POP_CREDENTIAL_REPEATED',
      ['answer-several-credentials'],
    ],
    'a credential in header and query': [
      () => ({ ...request(), target: `/items?pop_access_token=${sign()}` }),
      400,
      'ERR_POP_CREDENTIAL_REPEATED',
      ['answer-several-credentials'],
    ],
    'a query credential beside a form credential': [
      () => ({
        method: 'POST',
        target: `/items?pop_access_token=${sign()}`,
        headers: withHeaders(['Content-Type', 'application/x-www-form-urlencoded']),
        body: Buffer.from(`pop_access_token=${sign()}`),
      }),
      400,
      'ERR_POP_CREDENTIAL_REPEATED',
    ],
    'a query credential beside an empty one': [
      () =>
        request({
          target: `/items?pop_access_token=${sign()}&pop_access_token=`,
          headers: withHeaders(),
        }),
      400,
      'ERR_POP_CREDENTIAL_REPEATED',
    ],
    'two Host lines': [
      () => request({ headers: [['Host', 'a.example'], ...request().headers] }),
      400,
      'ERR_POP_HOST_INVALID',
      ['attack-36', 'answer-host-invalid'],
    ],
    'an empty Host': [
      () =>
        request({
          headers: [
            ['Host', ''],
            ['Authorization', `PoP ${sign()}`],
          ],
        }),
      400,
      'ERR_POP_HOST_INVALID',
      ['attack-37', 'answer-host-invalid'],
    ],
    'a Host with userinfo': [
      () =>
        request({
          headers: [
            ['Host', 'api.example.com@evil.example'],
            ['Authorization', `PoP ${sign()}`],
          ],
        }),
      400,
      'ERR_POP_HOST_INVALID',
      ['attack-38', 'answer-host-invalid'],
    ],
    'an absolute-form target of another host': [
      () => request({ target: 'http://evil.example/items' }),
      401,
      'ERR_POP_TARGET_INVALID',
      ['attack-40', 'answer-target-elsewhere'],
    ],
    'a scheme-relative target': [
      () => request({ target: '//evil.example/items' }),
      401,
      'ERR_POP_PATH_MISMATCH',
    ],
    'a backslash in the target': [
      () => request({ target: '/\\items' }),
      401,
      'ERR_POP_TARGET_INVALID',
      ['attack-42', 'answer-target-elsewhere'],
    ],
    'a fragment in the target': [
      () => request({ target: '/items#x' }),
      401,
      'ERR_POP_TARGET_INVALID',
      ['attack-47', 'answer-target-elsewhere'],
    ],
    'a GET proof on HEAD': [
      () => request({ method: 'HEAD' }),
      401,
      'ERR_POP_METHOD_MISMATCH',
      ['attack-201', 'attack-202', 'shr-method'],
    ],
    'a DPoP credential with two proofs': [
      () =>
        request({
          headers: withHeaders(
            ['Authorization', `DPoP ${signedByDpop.accessToken}`],
            ['DPoP', signDpop(signedByDpop, clock.seconds())],
            ['dpop', signDpop(signedByDpop, clock.seconds())],
          ),
        }),
      401,
      'ERR_POP_PROOF_REPEATED',
    ],
    'a method that only an override header names': [
      () =>
        request({
          headers: [...request({}, { m: 'DELETE' }).headers, ['X-HTTP-Method-Override', 'DELETE']],
        }),
      401,
      'ERR_POP_METHOD_MISMATCH',
      ['attack-31'],
    ],
    'a preflight': [
      () =>
        request({
          method: 'OPTIONS',
          headers: withHeaders(
            ['Origin', 'https://app.example'],
            ['Access-Control-Request-Method', 'GET'],
          ),
        }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['attack-34'],
    ],
    'a comma-joined list of credentials': [
      () => request({ headers: withHeaders(['Authorization', `PoP ${sign()}, Bearer abc`]) }),
      400,
      'ERR_POP_CREDENTIAL_MALFORMED',
      ['answer-credential-malformed'],
    ],
    'a credential as auth-param': [
      () => request({ headers: withHeaders(['Authorization', `PoP token="${sign()}"`]) }),
      400,
      'ERR_POP_CREDENTIAL_MALFORMED',
      ['answer-credential-malformed'],
    ],
    'a credential after a tab': [
      () => request({ headers: withHeaders(['Authorization', `PoP\t${sign()}`]) }),
      400,
      'ERR_POP_CREDENTIAL_MALFORMED',
    ],
    'a credential with bytes beyond ASCII': [
      () => request({ headers: withHeaders(['Authorization', 'PoP caf\u00e9\u00ff']) }),
      400,
      'ERR_POP_CREDENTIAL_MALFORMED',
      ['attack-19'],
    ],
    'an empty credential': [
      () => request({ headers: withHeaders(['Authorization', 'PoP ']) }),
      400,
      'ERR_POP_CREDENTIAL_MALFORMED',
    ],
    'a scheme that only begins like ours': [
      () => request({ headers: withHeaders(['Authorization', `Popular ${sign()}`]) }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['shr-scheme-whole-word'],
    ],
    'an encoded parameter name beside a plain one': [
      () =>
        request({
          target: `/items?pop%5Faccess%5Ftoken=${sign()}&pop_access_token=${sign()}`,
          headers: withHeaders(),
        }),
      400,
      'ERR_POP_CREDENTIAL_REPEATED',
    ],
    'a parameter of a prototype': [
      () =>
        request({
          target: `/items?__proto__[pop_access_token]=${sign()}`,
          headers: withHeaders(),
        }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['attack-24'],
    ],
    'a parameter in other letters': [
      () => request({ target: `/items?POP_ACCESS_TOKEN=${sign()}`, headers: withHeaders() }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
    ],
    'a form credential on GET': [
      () => ({
        method: 'GET',
        target: '/items',
        headers: withHeaders(['Content-Type', 'application/x-www-form-urlencoded']),
        body: Buffer.from(`pop_access_token=${sign()}`),
      }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['shr-form-urlencoded'],
    ],
    'a credential in a JSON body': [
      () => ({
        method: 'POST',
        target: '/items',
        headers: withHeaders(['Content-Type', 'application/json']),
        body: Buffer.from(JSON.stringify({ pop_access_token: sign({ m: 'POST' }) })),
      }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['attack-21', 'shr-form-urlencoded'],
    ],
    'a Host with a path': [
      () =>
        request({
          headers: [
            ['Host', 'api.example.com/evil'],
            ['Authorization', `PoP ${sign()}`],
          ],
        }),
      400,
      'ERR_POP_HOST_INVALID',
      ['attack-39', 'answer-host-invalid'],
    ],
    'encoded dots in the path': [
      () => request({ target: '/a/%2e%2e/items' }),
      401,
      'ERR_POP_PATH_MISMATCH',
    ],
    'a path in other letters': [
      () => request({ target: '/ITEMS' }),
      401,
      'ERR_POP_PATH_MISMATCH',
      ['attack-54'],
    ],
    'a path with an encoded letter': [
      () => request({ target: '/%69tems' }),
      401,
      'ERR_POP_PATH_MISMATCH',
      ['attack-44', 'attack-54'],
    ],
    'a path with a parameter': [
      () => request({ target: '/items;v=1' }),
      401,
      'ERR_POP_PATH_MISMATCH',
      ['attack-54'],
    ],
    'a path with a doubled slash': [
      () => request({ target: '//items' }),
      401,
      'ERR_POP_PATH_MISMATCH',
      ['attack-54'],
    ],
    'a proof for a host that only forwarded headers name': [
      () =>
        request({
          headers: [
            ...request({}, { u: 'evil.example' }).headers,
            ['X-Forwarded-Host', 'evil.example'],
            ['Forwarded', 'host=evil.example'],
          ],
        }),
      401,
      'ERR_POP_HOST_MISMATCH',
      ['attack-49', 'rule-location-forwarded'],
    ],
    'an OPTIONS request without credential': [
      () => request({ method: 'OPTIONS', headers: withHeaders(['Origin', 'https://app.example']) }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['attack-34'],
    ],
    'a proof for another body': [
      () => post(Buffer.from('{"a":2}'), { b: hashOf('{"a":1}') }),
      401,
      'ERR_POP_BODY_MISMATCH',
      ['attack-176', 'shr-body-hash'],
    ],
    'a body over the limit': [
      () => post(Buffer.alloc(1001), { b: hashOf('') }),
      413,
      'ERR_POP_BODY_TOO_LARGE',
      ['answer-body-too-large', 'answer-no-challenge-for-outage'],
    ],
    'a chunked body over the limit': [
      () => post(Buffer.alloc(1001), { b: hashOf('') }, { chunkBytes: 100 }),
      413,
      'ERR_POP_BODY_TOO_LARGE',
      ['answer-body-too-large'],
    ],
    'a body over the limit that never ends': [
      () => post(Buffer.alloc(1001), { b: hashOf('') }, { truncate: true }),
      413,
      'ERR_POP_BODY_TOO_LARGE',
    ],
    'a chunked body over the limit that never ends': [
      () => post(Buffer.alloc(1001), { b: hashOf('') }, { chunkBytes: 100, truncate: true }),
      413,
      'ERR_POP_BODY_TOO_LARGE',
    ],
    'a form over its limit': [
      () => ({
        method: 'POST',
        target: '/items',
        headers: withHeaders(['Content-Type', 'application/x-www-form-urlencoded']),
        body: Buffer.alloc(70_000, 0x61),
      }),
      413,
      'ERR_POP_FORM_TOO_LARGE',
      ['attack-201', 'attack-215', 'answer-form-too-large'],
    ],
    'a form in two content types': [
      () => ({
        method: 'POST',
        target: '/items',
        headers: withHeaders(
          ['Content-Type', 'application/x-www-form-urlencoded'],
          ['Content-Type', 'text/plain'],
        ),
        body: Buffer.from('a=1'),
      }),
      400,
      'ERR_POP_FORM_INVALID',
      ['attack-22'],
    ],
  }

  const guardedWith = (
    guards: Guards,
    status: number,
    build = (): RawRequest => request(),
  ): GuardedScenario => ({ guards, status, build })
  const anonymous = (): RawRequest => request({ headers: withHeaders() })
  const json = (claims: Claims): RawRequest => post(Buffer.from('{}'), claims)
  const search = (claims: Claims): RawRequest => request({ target: '/items?a=1' }, claims)
  const signedQuery = { q: [['a'], hashOf('a=1')] }
  const throws = (): boolean => {
    throw new Error('secret detail')
  }
  const rejectsLater = async (): Promise<boolean> => {
    await new Promise(setImmediate)
    throw new Error('secret detail')
  }

  const guarded: Record<string, GuardedScenario> = {
    'all scopes held': guardedWith({ scopes: ['read', 'write'] }, 200),
    'one scope missing': {
      ...guardedWith({ scopes: ['read', 'admin'] }, 403),
      challenge:
        'PoP realm="api.example.com", error="insufficient_scope", error_description="The access token lacks a required scope", scope="read admin"',
      requirements: ['attack-201', 'answer-scope', 'rule-guard-scopes'],
    },
    'one of several scopes held': guardedWith({ anyScope: ['admin', 'write'] }, 200),
    'none of several scopes held': guardedWith({ anyScope: ['admin', 'owner'] }, 403),
    'the first guard holds, the second does not': guardedWith(
      { scopes: ['read'], anyScope: ['admin'] },
      403,
    ),
    'claims enough': guardedWith({ claims: ({ sub }) => sub === 'alice' }, 200),
    'claims not enough': guardedWith({ claims: async ({ sub }) => sub === 'bob' }, 403),
    'a check that answers with something truthy': guardedWith(
      { claims: (() => 'yes') as never },
      403,
    ),
    'a check that throws': guardedWith({ claims: throws }, 500),
    'a check that rejects later': guardedWith({ claims: rejectsLater }, 500),
    'a body that must be signed and is not': {
      ...guardedWith({ coverage: { body: true } }, 401, () => json({})),
      challenge:
        'PoP realm="api.example.com", error="invalid_token", error_description="The proof does not cover what this resource demands"',
      requirements: ['attack-177', 'answer-coverage', 'rule-guard-coverage'],
    },
    'a body that must be signed and is': guardedWith({ coverage: { body: true } }, 200, () =>
      json({ b: hashOf('{}') }),
    ),
    'a query that must be signed and is': guardedWith({ coverage: { query: true } }, 200, () =>
      search(signedQuery),
    ),
    'a query that must be signed and is absent': guardedWith({ coverage: { query: true } }, 200),
    'a query that must be signed and is not': guardedWith({ coverage: { query: true } }, 401, () =>
      search({}),
    ),
    'a parameter that must be signed and is': guardedWith({ coverage: { query: ['a'] } }, 200, () =>
      search(signedQuery),
    ),
    'a parameter that must be signed and is absent': guardedWith(
      { coverage: { query: ['a'] } },
      401,
    ),
    'a header that must be signed and is not': guardedWith(
      { coverage: { headers: ['x-tenant'] } },
      401,
    ),
    'an anonymous request where a credential is optional': {
      ...guardedWith({ scopes: ['read'] }, 401, anonymous),
      optional: true,
      requirements: ['rule-guard-anonymous', 'rule-optional'],
    },
    'a valid request where a credential is optional': {
      ...guardedWith({ scopes: ['read'] }, 200),
      optional: true,
    },
  }

  return {
    options,
    clock,
    signedByDpop,
    sign,
    request,
    withHeaders,
    post,
    refusals,
    guarded,
  }
}
