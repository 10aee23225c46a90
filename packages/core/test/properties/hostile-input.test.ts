import {
  bearer,
  createVerifier,
  dpop,
  pop,
  PopError,
  type HttpRequest,
  type VerifierOptions,
} from '@oauth-pop/core'
import { apiUrl, hashOf, outcomeOf } from '@oauth-pop/testkit'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { clock, host, forgetful, createSigner, popClaims, dpopClaims } from './fixtures.ts'

// Room for a busy machine: all of them together take some seconds.
vi.setConfig({ testTimeout: 60_000 })

describe('P4: verify throws nothing but PopError, whatever arrives', async () => {
  const { compact, jwk, tokens } = await createSigner('EdDSA')
  const base: VerifierOptions = { publicUrl: apiUrl, tokens, now: clock.now, replay: forgetful }
  const verifiers = [
    base,
    { ...base, nonce: { required: false } },
    { ...base, publicUrl: 'https://*.example.com', nonce: {} },
    { ...base, publicUrl: 'request' },
    { ...base, schemes: [pop({ bearerScheme: true, path: 'msal' }), dpop(), bearer()] },
    {
      ...base,
      schemes: [pop({ uncoveredQuery: 'allow', require: ['b'], stringTimestamps: true })],
    },
  ].map((options) => createVerifier(options as VerifierOptions))
  const which = fc.nat({ max: verifiers.length - 1 })
  const verifyBy = async (index: number, request: unknown): Promise<string> =>
    outcomeOf(verifiers[index]?.verify(request as HttpRequest) ?? Promise.reject(new Error()))

  const signedPop = compact({}, popClaims)
  const junk = fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true })
  const thrown = [
    undefined,
    'text',
    new Error('x'),
    new PopError('ERR_POP_BODY_TOO_LARGE'),
    new PopError('ERR_POP_BODY_ABORTED'),
  ]
  const body = fc.oneof(
    junk.map((value) => async () => value),
    junk.map((value) => () => value),
    fc.constantFrom(...thrown).map((reason) => () => Promise.reject(reason as Error)),
    fc.constantFrom(...thrown).map((reason) => () => {
      throw reason as Error
    }),
  )
  const headerName = fc.oneof(
    fc.constantFrom('Host', 'host', 'Authorization', 'AUTHORIZATION', 'DPoP', 'Content-Type'),
    fc.constantFrom('__proto__', 'constructor', '', ' Host', 'Content-Encoding', 'x'.repeat(999)),
    junk,
  )
  const headerValue = fc.oneof(
    fc.constantFrom('api.example.com', `PoP ${signedPop}`, 'DPoP token', 'Bearer token', signedPop),
    fc.constant('application/x-www-form-urlencoded'),
    fc.string(),
    junk,
  )
  const hostile = new Proxy(
    {},
    {
      ownKeys() {
        throw new Error('x')
      },
    },
  )
  const parsedForm = fc.oneof(
    junk,
    fc.constant(hostile),
    fc.dictionary(fc.constantFrom('pop_access_token', 'pop_access_token[', '__proto__'), junk),
    fc.constant({ pop_access_token: signedPop }),
  )
  const shape = fc.record(
    {
      method: fc.oneof(fc.constantFrom('GET', 'POST', 'HEAD', 'get'), junk),
      target: fc.oneof(fc.constantFrom('/items', '*', '//x/', 'http://a/', '/%zz?%'), junk),
      rawHeaders: fc.oneof(
        {
          weight: 9,
          arbitrary: fc
            .tuple(fc.array(fc.tuple(headerName, headerValue), { maxLength: 6 }), fc.boolean())
            .map(([lines, odd]) => [...host, ...lines.flat(), ...(odd ? ['Authorization'] : [])]),
        },
        { weight: 1, arbitrary: junk },
      ),
      origin: fc.oneof(fc.constantFrom(apiUrl, 'http://', 'x'), junk),
      authority: fc.oneof(fc.constant(undefined), fc.constant('api.example.com'), junk),
      body,
      parsedForm,
    },
    { requiredKeys: ['method', 'target', 'rawHeaders'] },
  )

  test('a request of any shape', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(shape, junk), which, async (request, index) => {
        expect(await verifyBy(index, request)).toMatch(/^accepted$|^ERR_POP_/)
      }),
      { numRuns: 3000 },
    )
  })

  const nasty = { toString: 1, valueOf: [] }
  const claim = fc.oneof(
    fc.constantFrom<unknown>(undefined, null, '', 0, -1, 1e308, true, [], {}, nasty, [nasty]),
    fc.constantFrom('\ud800', 'x'.repeat(300), 'none', 'HS256', 'post ', 'http://x', '/items/'),
    fc.constantFrom(
      [['a'], 'x'],
      [[], ''],
      [['b'], hashOf('b=1')],
      [['host'], 'x'],
      [[['a']], 'x'],
    ),
    fc.constantFrom({ jwk }, { jwk: { ...jwk, x: nasty } }, ['b64'], '1790000000'),
    fc.integer({ min: clock.seconds() - 400, max: clock.seconds() + 100 }),
    fc.jsonValue(),
  )
  const headerMember = fc.constantFrom(
    'typ',
    'alg',
    'jwk',
    'crit',
    'b64',
    'kid',
    'jku',
    '__proto__',
  )
  const popMembers = 'at ts m u p q h b nonce jti cnf __proto__'.split(' ')
  const dpopMembers = 'jti htm htu iat ath nonce exp nbf __proto__'.split(' ')
  const member = {
    PoP: fc.constantFrom(...popMembers),
    DPoP: fc.constantFrom(...dpopMembers),
  }
  const request = {
    method: 'POST',
    target: '/items?a=1',
    origin: apiUrl,
    body: async () => Buffer.from('{}'),
  }
  const valid = {
    PoP: {
      header: { typ: 'pop' },
      claims: {
        ...popClaims,
        m: 'POST',
        jti: 'x',
        nonce: 'n',
        b: hashOf('{}'),
        q: [['a'], hashOf('a=1')],
        h: [['x-tenant'], hashOf('x-tenant: t')],
      },
      headers: (proof: string) => ['Authorization', `PoP ${proof}`],
    },
    DPoP: {
      header: { typ: 'dpop+jwt', jwk },
      claims: { ...dpopClaims, htm: 'POST', nonce: 'n' },
      headers: (proof: string) => ['Authorization', 'DPoP token', 'DPoP', proof],
    },
  }
  type Changes = readonly (readonly [string, unknown])[]
  const changed = (members: object, changes: Changes): object =>
    Object.fromEntries([...Object.entries(members), ...changes])

  test.each([
    [
      'PoP',
      ['METHOD_MISMATCH', 'HOST_MISMATCH', 'PATH_MISMATCH', 'QUERY_MISMATCH', 'BODY_MISMATCH'],
    ],
    ['DPoP', ['METHOD_MISMATCH', 'URI_MISMATCH', 'TOKEN_HASH_MISMATCH']],
  ] as const)(
    '%s: a signed proof with any header and payload, and no answer is 500',
    async (scheme, deep) => {
      const { header, claims, headers } = valid[scheme]
      const outcomes = new Set<string>()
      const headerChanges = fc.array(fc.tuple(headerMember, claim), { maxLength: 1 })
      const claimChanges = fc.array(fc.tuple(member[scheme], claim), { maxLength: 2 })
      await fc.assert(
        fc.asyncProperty(headerChanges, claimChanges, which, async (first, second, index) => {
          const proof = compact(changed(header, first), changed(claims, second))
          const rawHeaders = [...host, 'X-Tenant', 't', ...headers(proof)]
          const outcome = await verifyBy(index, { ...request, rawHeaders })
          expect(outcome).not.toBe('ERR_POP_INTERNAL')
          outcomes.add(outcome)
        }),
        { numRuns: 2000 },
      )
      expect([...outcomes]).toEqual(
        expect.arrayContaining(['accepted', ...deep.map((code) => `ERR_POP_${code}`)]),
      )
    },
  )
})
