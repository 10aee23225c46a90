import {
  bearer,
  createVerifier,
  dpop,
  mtls,
  pop,
  PopError,
  storedTokens,
  type AccessToken,
  type HttpRequest,
  type VerifierOptions,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  dpopRequest,
  hashOf,
  outcomeOf,
  popRequest,
  signDpop,
  signPop,
  thumbprintOf,
} from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'

const clock = createClock()
const { holder, tokens } = createHolders()
const alice = holder()
const dana = holder('jkt')

function createDefault(own: Partial<VerifierOptions> = {}): ReturnType<typeof createVerifier> {
  return createVerifier({ publicUrl: apiUrl, tokens, now: clock.now, ...own })
}

function signed(
  claims: Record<string, unknown> = {},
  change: Partial<HttpRequest> = {},
): HttpRequest {
  return popRequest(signPop(alice, clock.seconds(), claims), change)
}

describe('the result', () => {
  async function resultOf(record: Readonly<Record<string, unknown>>): Promise<AccessToken> {
    const verifier = createDefault({
      tokens: storedTokens(() => ({ aud: apiUrl, cnf: { jwk: alice.jwk }, ...record }), {
        audience: apiUrl,
      }),
    })
    return (await verifier.verify(signed())).accessToken
  }

  test('has every member that the token gives', { tags: ['rule-result-coverage'] }, async () => {
    const exp = clock.seconds() + 60
    const record = { iss: 'https://as', sub: 's', client_id: 'c', scope: 'a  b', exp, extra: [1] }
    expect(await resultOf(record)).toEqual({
      scheme: 'PoP',
      scope: 'a b',
      scopes: ['a', 'b'],
      subject: 's',
      clientId: 'c',
      issuer: 'https://as',
      audience: [apiUrl],
      expiresAt: exp,
      claims: { aud: apiUrl, cnf: { jwk: alice.jwk }, ...record },
      keyThumbprint: thumbprintOf(alice.jwk),
      coverage: {
        method: true,
        host: true,
        path: true,
        query: [],
        queryComplete: true,
        headers: [],
        body: false,
      },
    })
  })

  test('leaves out what the token does not give', async () => {
    const names = Object.keys(await resultOf({}))
    for (const name of ['subject', 'clientId', 'issuer', 'expiresAt'])
      expect(names).not.toContain(name)
  })

  test.each<[string, object, readonly string[]]>([
    ['scp as text', { scp: 'a b' }, ['a', 'b']],
    ['scp as a list', { scp: ['a', 'b'] }, ['a', 'b']],
    ['scope before scp', { scope: 'a', scp: 'b' }, ['a']],
    ['an empty scope', { scope: '' }, []],
  ])('reads %s', async (_, record, scopes) => {
    expect((await resultOf(record as Record<string, unknown>)).scopes).toEqual(scopes)
  })

  test.each<[string, Record<string, unknown>, string | undefined]>([
    ['client_id', { client_id: 'a', azp: 'b', appid: 'c' }, 'a'],
    ['azp', { azp: 'b', appid: 'c' }, 'b'],
    ['appid', { appid: 'c' }, 'c'],
    ['none', {}, undefined],
  ])('takes the client from %s', async (_, record, clientId) => {
    expect((await resultOf(record)).clientId).toBe(clientId)
  })

  test.each([
    [{ sub: 1 }],
    [{ iss: ['x'] }],
    [{ scope: 1 }],
    [{ scope: ['a', 1] }],
    [{ exp: '1' }],
    [{ nbf: 'x' }],
    [{ iat: Infinity }],
  ])('a token with %o is refused', { tags: ['attack-126', 'attack-194'] }, async (record) => {
    expect(await outcomeOf(resultOf(record))).toBe('ERR_POP_TOKEN_CLAIM_INVALID')
  })
})

describe('what a token says of its time', () => {
  const now = clock.seconds()

  test.each<[string, Record<string, unknown>, string]>([
    ['the last second of its tolerance', { exp: now - 29 }, 'accepted'],
    ['the end of its tolerance', { exp: now - 30 }, 'ERR_POP_TOKEN_EXPIRED'],
    ['nbf within tolerance', { nbf: now + 30 }, 'accepted'],
    ['nbf beyond tolerance', { nbf: now + 31 }, 'ERR_POP_TOKEN_NOT_YET_VALID'],
    ['iat within tolerance', { iat: now + 30 }, 'accepted'],
    ['iat beyond tolerance', { iat: now + 31 }, 'ERR_POP_TOKEN_NOT_YET_VALID'],
    ['an early nbf and a late iat', { nbf: 1, iat: now + 31 }, 'ERR_POP_TOKEN_NOT_YET_VALID'],
    ['a late nbf and an early iat', { nbf: now + 31, iat: 1 }, 'ERR_POP_TOKEN_NOT_YET_VALID'],
  ])('%s', { tags: ['attack-126', 'rule-time-of-token'] }, async (_, record, expected) => {
    const all = { aud: apiUrl, cnf: { jwk: alice.jwk }, ...record }
    const verifier = createDefault({ tokens: storedTokens(() => all, { audience: apiUrl }) })
    expect(await outcomeOf(verifier.verify(signed()))).toBe(expected)
  })
})

describe('the coverage of a query', () => {
  const q = (names: readonly string[], bytes: string): unknown => [names, hashOf(bytes)]
  const verifier = createDefault({ schemes: [pop({ uncoveredQuery: 'allow' })] })

  test.each<[string, string, unknown, readonly string[] | true, boolean]>([
    ['no query', '/items', undefined, [], true],
    ['an empty query', '/items?', undefined, [], true],
    ['an unsigned query', '/items?a=1', undefined, [], false],
    ['a signed query', '/items?a=1', q(['a'], 'a=1'), ['a'], true],
    ['a query signed in part', '/items?a=1&b=2', q(['b'], 'b=2'), ['b'], false],
    ['an empty list over no query', '/items', q([], ''), [], true],
    ['an empty list over a query', '/items?a=1', q([], ''), [], false],
    ['the form of MSAL.js', '/items?A=1', [[], 'a=1'], true, true],
  ])(
    '%s',
    {
      tags: [
        'attack-168',
        'rule-result-coverage',
        'shr-query-uncovered-allowed',
        'shr-query-unsigned',
      ],
    },
    async (_, target, claim, query, queryComplete) => {
      const { accessToken } = await verifier.verify(signed({ q: claim }, { target }))
      expect(accessToken.coverage).toMatchObject({ query, queryComplete })
    },
  )

  test.each<[string, string]>([
    ['the same name encoded', '/items?a=1&b=2&%61=2'],
    ['the same name with brackets', '/items?a=1&b=2&a[]=2'],
    ['the same name with a dot', '/items?a=1&b=2&a.x=2'],
    ['the other signed name encoded', '/items?a=1&b=2&x=1&%62=2'],
  ])(
    'an unsigned parameter that turns into a signed one is refused: %s',
    { tags: ['shr-query-pollution'] },
    async (_, target) => {
      const request = signed({ q: q(['a', 'b'], 'a=1&b=2') }, { target })
      expect(await outcomeOf(verifier.verify(request))).toBe('ERR_POP_QUERY_UNCOVERED')
    },
  )

  test(
    'a signed parameter cannot be repeated, not even as a bare name',
    { tags: ['shr-query-repeated'] },
    async () => {
      const request = signed({ q: q(['a'], 'a=1') }, { target: '/items?a=1&a' })
      expect(await outcomeOf(verifier.verify(request))).toBe('ERR_POP_QUERY_MISMATCH')
    },
  )

  test('an unsigned parameter whose name only begins like a signed one is none of its business', async () => {
    const request = signed({ q: q(['a'], 'a=1') }, { target: '/items?a=1&ab=2&%61b=3' })
    expect(await outcomeOf(verifier.verify(request))).toBe('accepted')
  })

  test('at most 256 names are signed', { tags: ['attack-172', 'shr-names-limit'] }, async () => {
    const sign = (count: number): HttpRequest => {
      const names = Array.from({ length: count }, (_, index) => `n${index}`)
      const text = names.map((name) => `${name}=1`).join('&')
      return signed({ q: q(names, text) }, { target: `/items?${text}` })
    }
    expect(await outcomeOf(verifier.verify(sign(256)))).toBe('accepted')
    expect(await outcomeOf(verifier.verify(sign(257)))).toBe('ERR_POP_PROOF_MEMBER_INVALID')
  })
})

describe('htu of a DPoP proof', () => {
  const verify = (htu: string, target: string): Promise<string> => {
    const request = dpopRequest(dana, signDpop(dana, clock.seconds(), { htu }))
    return outcomeOf(createDefault().verify({ ...request, target }))
  }

  test.each<[string, string, string, string]>([
    ['dots at the end', `${apiUrl}/a/b/..`, '/a/', 'accepted'],
    ['a dot at the end', `${apiUrl}/a/.`, '/a/', 'accepted'],
    ['dots that lead out', `${apiUrl}/../a`, '/a', 'accepted'],
    ['dots in the request', `${apiUrl}/a`, '/b/../a', 'ERR_POP_URI_MISMATCH'],
    ['a line feed', `${apiUrl}/a\n`, '/a', 'ERR_POP_URI_MISMATCH'],
    ['a tab in the host', 'https://api.exa\tmple.com/a', '/a', 'ERR_POP_URI_MISMATCH'],
    ['a space', `${apiUrl}/a b`, '/a%20b', 'ERR_POP_URI_MISMATCH'],
    ['a malformed triplet on both sides', `${apiUrl}/%zz`, '/%zz', 'ERR_POP_URI_MISMATCH'],
    ['a lone surrogate', `${apiUrl}/\ud800`, '/%EF%BF%BD', 'ERR_POP_URI_MISMATCH'],
    ['an encoded slash', `${apiUrl}/a%2fb`, '/a%2Fb', 'accepted'],
    ['an encoded slash and a plain one', `${apiUrl}/a%2Fb`, '/a/b', 'ERR_POP_URI_MISMATCH'],
    ['an encoded letter', `${apiUrl}/%61`, '/a', 'accepted'],
    ['plain http', 'http://api.example.com/a', '/a', 'ERR_POP_URI_MISMATCH'],
    ['an encoded host', 'https://api%2eexample.com/a', '/a', 'ERR_POP_URI_MISMATCH'],
  ])(
    '%s',
    { tags: ['attack-43', 'attack-44', 'attack-55', 'answer-dpop-htu'] },
    async (_, htu, target, expected) => {
      expect(await verify(htu, target)).toBe(expected)
    },
  )
})

describe('the lifetime that a DPoP proof gives itself', () => {
  const now = clock.seconds()

  test.each<[string, Record<string, unknown>, string]>([
    ['exp in its last second', { exp: now - 29 }, 'accepted'],
    ['exp at its end', { exp: now - 30 }, 'ERR_POP_PROOF_EXPIRED'],
    ['exp to come', { exp: now + 60 }, 'accepted'],
    ['exp as text', { exp: String(now + 60) }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['nbf within tolerance', { nbf: now + 30 }, 'accepted'],
    ['nbf beyond tolerance', { nbf: now + 31 }, 'ERR_POP_PROOF_NOT_YET_VALID'],
    ['nbf as text', { nbf: String(now) }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['iat at the beginning of time', { iat: 0 }, 'ERR_POP_PROOF_EXPIRED'],
    ['iat before the beginning', { iat: -1 }, 'ERR_POP_PROOF_MEMBER_INVALID'],
  ])('%s', { tags: ['attack-120'] }, async (_, claims, expected) => {
    const request = dpopRequest(dana, signDpop(dana, now, claims))
    expect(await outcomeOf(createDefault().verify(request))).toBe(expected)
  })
})

describe('members of a signed request', () => {
  const body = async (): Promise<Uint8Array> => Buffer.from('abcd')

  test.each<[string, Record<string, unknown>, string]>([
    ['b as a number', { b: 5 }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['b of another body', { b: hashOf('abce') }, 'ERR_POP_BODY_MISMATCH'],
    ['q as text', { q: 'a=1' }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['h as an object', { h: { 'x-tenant': 'one' } }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['m as a number', { m: 5 }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['u as a list', { u: ['api.example.com'] }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['p as a number', { p: 5 }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['an empty u', { u: '' }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['ts as text', { ts: String(clock.seconds()) }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['at as a list', { at: [alice.accessToken] }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['no at', { at: undefined }, 'ERR_POP_PROOF_MEMBER_MISSING'],
    ['no m', { m: undefined }, 'ERR_POP_PROOF_MEMBER_MISSING'],
    ['m null', { m: null }, 'ERR_POP_PROOF_MEMBER_MISSING'],
    ['b null', { b: null }, 'accepted'],
    ['jti of 256 characters', { jti: 'a'.repeat(256) }, 'accepted'],
    ['jti of 257 characters', { jti: 'a'.repeat(257) }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['an empty jti', { jti: '' }, 'ERR_POP_PROOF_MEMBER_INVALID'],
    ['nonce of 128 characters', { nonce: 'a'.repeat(128) }, 'accepted'],
    ['nonce of 129 characters', { nonce: 'a'.repeat(129) }, 'ERR_POP_PROOF_MEMBER_INVALID'],
  ])(
    '%s',
    {
      tags: [
        'attack-114',
        'attack-119',
        'attack-167',
        'attack-180',
        'shr-members-typed',
        'shr-null-absent',
        'shr-at-required',
        'shr-required-default',
        'shr-nonce-form',
        'shr-body-hash',
      ],
    },
    async (_, claims, expected) => {
      const verification = createDefault().verify(signed(claims, { body }))
      expect(await outcomeOf(verification)).toBe(expected)
    },
  )

  test(
    'spaces around a method do not count where paths are lenient',
    { tags: ['shr-method-spaces'] },
    async () => {
      const ask = (path: 'lenient' | 'msal' | 'exact'): Promise<string> =>
        outcomeOf(createDefault({ schemes: [pop({ path })] }).verify(signed({ m: ' GET ' })))
      expect(await ask('lenient')).toBe('accepted')
      expect(await ask('msal')).toBe('ERR_POP_METHOD_MISMATCH')
      expect(await ask('exact')).toBe('ERR_POP_METHOD_MISMATCH')
    },
  )

  test(
    'a header that must be signed is recognised in any letters',
    { tags: ['shr-headers-demanded'] },
    async () => {
      const verifier = createDefault({ schemes: [pop({ requireSignedHeaders: ['X-Tenant'] })] })
      const ask = (h: unknown): Promise<string> => {
        const request = signed({ h })
        const rawHeaders = [...request.rawHeaders, 'X-TENANT', 'one']
        return outcomeOf(verifier.verify({ ...request, rawHeaders }))
      }
      expect(await ask([['x-tenant'], hashOf('x-tenant: one')])).toBe('accepted')
      expect(await ask(undefined)).toBe('ERR_POP_HEADERS_UNCOVERED')
    },
  )

  test(
    'an opaque Bearer token is no proof where proofs come under Bearer too',
    { tags: ['shr-bearer-scheme'] },
    async () => {
      const plain = holder('none')
      const schemes = [pop({ bearerScheme: true }), bearer()]
      const rawHeaders = ['Host', 'api.example.com', 'Authorization', `Bearer ${plain.accessToken}`]
      const request = { method: 'GET', target: '/items', rawHeaders }
      const { accessToken } = await createDefault({ schemes }).verify(request)
      expect(accessToken.scheme).toBe('Bearer')
    },
  )

  test.each([
    ['bearer()', bearer()],
    ['mtls()', mtls()],
  ])(
    'a proof under Bearer is one, also where %s is named first',
    { tags: ['shr-bearer-scheme'] },
    async (_, first) => {
      const schemes = [first, pop({ bearerScheme: true })]
      const verifier = createDefault({ schemes })
      const [name = '', value = ''] = signed().rawHeaders.slice(-2)
      const rawHeaders = ['Host', 'api.example.com', name, value.replace('PoP', 'Bearer')]
      const { accessToken } = await verifier.verify({ ...signed(), rawHeaders })
      expect(accessToken.scheme).toBe('PoP')
    },
  )
})

describe('a proof', () => {
  test('fifty times at once is accepted once', { tags: ['rule-replay-once'] }, async () => {
    const verifier = createDefault()
    const request = signed()
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, () => outcomeOf(verifier.verify(request))),
    )
    expect(outcomes.toSorted((left, right) => left.localeCompare(right))).toEqual([
      'accepted',
      ...Array.from({ length: 49 }, () => 'ERR_POP_PROOF_REPLAYED'),
    ])
  })

  test(
    'dated ahead is a replay in every second until it is out of time',
    { tags: ['attack-123', 'attack-124', 'rule-replay-lifetime', 'rule-replay-clock-back'] },
    async () => {
      const own = createClock()
      const verifier = createDefault({ now: own.now })
      const request = popRequest(signPop(alice, own.seconds() + 30))
      expect(await outcomeOf(verifier.verify(request))).toBe('accepted')
      for (let second = 0; second <= 330; second += 1) {
        expect(await outcomeOf(verifier.verify(request))).toBe('ERR_POP_PROOF_REPLAYED')
        own.advance(1)
      }
      expect(await outcomeOf(verifier.verify(request))).toBe('ERR_POP_PROOF_EXPIRED')
      own.set(own.seconds() - 3600)
      expect(await outcomeOf(verifier.verify(request))).not.toBe('accepted')
    },
  )

  test(
    'is not accepted twice because the clock jumped ahead in between',
    { tags: ['attack-125'] },
    async () => {
      const own = createClock()
      const verifier = createDefault({ now: own.now })
      const [used, unused] = [own.seconds(), own.seconds()].map((now) => signPop(alice, now))
      const judge = (proof = ''): Promise<string> => outcomeOf(verifier.verify(popRequest(proof)))
      const judgeBoth = async (): Promise<string[]> => [await judge(used), await judge(unused)]
      expect(await judge(used)).toBe('accepted')
      own.advance(3600)
      expect(await judgeBoth()).toEqual(['ERR_POP_PROOF_EXPIRED', 'ERR_POP_PROOF_EXPIRED'])
      own.advance(-3600)
      expect(await judgeBoth()).toEqual(['ERR_POP_PROOF_REPLAYED', 'accepted'])
      own.advance(3600)
      expect(await judge(signPop(alice, own.seconds()))).toBe('accepted')
      own.advance(-3600)
      expect(await judgeBoth()).toEqual(['ERR_POP_REPLAY_TOO_OLD', 'ERR_POP_REPLAY_TOO_OLD'])
    },
  )

  test(
    'may come again only where the operator turned replay protection off',
    { tags: ['rule-replay-off'] },
    async () => {
      const verifier = createDefault({ replay: 'dangerously-none' })
      const request = signed()
      for (const _ of [1, 2]) expect(await outcomeOf(verifier.verify(request))).toBe('accepted')
    },
  )

  test(
    'is not accepted while the clock gives no number',
    { tags: ['rule-time-broken-clock'] },
    async () => {
      expect(() => createDefault({ now: () => Number.NaN })).toThrow(TypeError)
      let broken = false
      const verifier = createDefault({ now: () => (broken ? Number.NaN : clock.now()) })
      expect(await outcomeOf(verifier.verify(signed()))).toBe('accepted')
      broken = true
      expect(await outcomeOf(verifier.verify(signed()))).toBe('ERR_POP_INTERNAL')
    },
  )

  test(
    'of a server whose token source needs seconds is judged by the time it was claimed',
    { tags: ['rule-time-of-claim'] },
    async () => {
      const own = createClock()
      const slow = {
        resolve: (...args: Parameters<typeof tokens.resolve>) => {
          own.advance(301)
          return tokens.resolve(...args)
        },
      }
      const verifier = createDefault({ now: own.now, tokens: slow })
      const request = popRequest(signPop(alice, own.seconds()))
      expect(await outcomeOf(verifier.verify(request))).toBe('ERR_POP_PROOF_EXPIRED')
    },
  )
})

describe('challenges', () => {
  const refusalOf = async (
    verification: Promise<unknown>,
  ): Promise<Readonly<Record<string, unknown>>> => {
    const error: unknown = await verification.catch((reason: unknown) => reason)
    return (error as { headers: Record<string, unknown> }).headers
  }

  const formType = ['Content-Type', 'application/x-www-form-urlencoded']
  const form = { method: 'POST', rawHeaders: ['Host', 'api.example.com', ...formType] }

  test.each<[string, Partial<VerifierOptions>, Partial<HttpRequest>, Record<string, unknown>]>([
    [
      'a failed proof',
      {},
      { method: 'PUT' },
      {
        'cache-control': 'no-store',
        'www-authenticate':
          'PoP realm="api.example.com", error="invalid_token", error_description="The proof was made for another method"',
      },
    ],
    [
      'an outage',
      { tokens: { resolve: () => Promise.reject(new Error('x')) } },
      {},
      { 'cache-control': 'no-store', 'retry-after': '1' },
    ],
    [
      'no credential',
      { schemes: [bearer(), dpop({ algorithms: ['ES256'] }), pop()], realm: 'r' },
      { rawHeaders: ['Host', 'a'] },
      {
        'cache-control': 'no-store',
        'www-authenticate': ['PoP realm="r"', 'DPoP realm="r", algs="ES256"', 'Bearer realm="r"'],
      },
    ],
    [
      'two credentials of schemes that are not known',
      { realm: 'r', schemes: [pop(), bearer()] },
      { rawHeaders: ['Host', 'a', 'Authorization', 'Basic a', 'Authorization', 'Basic b'] },
      {
        'cache-control': 'no-store',
        'www-authenticate': ['PoP', 'Bearer'].map(
          (name) =>
            `${name} realm="r", error="invalid_request", error_description="The request carries more than one credential"`,
        ),
      },
    ],
    [
      'a body that cannot be read for a reason of its own',
      {},
      { ...form, body: () => Promise.reject(new Error('x')) },
      { 'cache-control': 'no-store' },
    ],
    [
      'a body that does not end',
      {},
      { ...form, body: () => Promise.reject(new PopError('ERR_POP_BODY_TIMEOUT')) },
      { 'cache-control': 'no-store', connection: 'close' },
    ],
    [
      'a form that is too long to be searched',
      {},
      { ...form, body: () => Promise.reject(new PopError('ERR_POP_BODY_TOO_LARGE')) },
      { 'cache-control': 'no-store', connection: 'close' },
    ],
  ])(
    '%s has exactly these headers',
    {
      tags: [
        'attack-201',
        'answer-no-credential',
        'answer-order-of-schemes',
        'answer-pop-refused',
        'answer-several-credentials',
        'answer-token-source-down',
        'answer-body-timeout',
        'answer-form-too-large',
        'answer-no-challenge-for-outage',
        'answer-realm',
        'answer-grammar',
        'answer-algs',
        'answer-no-store',
      ],
    },
    async (_, own, change, headers) => {
      expect(await refusalOf(createDefault(own).verify(signed({}, change)))).toEqual(headers)
    },
  )
})

describe('the target of a request', () => {
  const ask = (target: string, publicUrl: string | readonly string[] = apiUrl): Promise<string> =>
    outcomeOf(createDefault({ publicUrl }).verify(signed({}, { target })))

  test.each<[string, string, string]>([
    ['a path', '/items', 'accepted'],
    ['the absolute form of ours', 'https://api.example.com/items', 'accepted'],
    ['it with the default port', 'https://api.example.com:443/items', 'accepted'],
    ['it in other letters', 'HTTPS://API.example.com/items', 'accepted'],
    ['another scheme', 'http://api.example.com/items', 'ERR_POP_TARGET_INVALID'],
    ['another host', 'https://evil.example/items', 'ERR_POP_TARGET_INVALID'],
    ['another port', 'https://api.example.com:8443/items', 'ERR_POP_TARGET_INVALID'],
    ['userinfo', 'https://api.example.com@evil.example/items', 'ERR_POP_TARGET_INVALID'],
    ['userinfo before ours', 'https://evil@api.example.com/items', 'ERR_POP_TARGET_INVALID'],
    ['a fragment', '/items#x', 'ERR_POP_TARGET_INVALID'],
    ['a backslash', '/\\items', 'ERR_POP_TARGET_INVALID'],
    ['a backslash in the query', '/items?a=\\', 'ERR_POP_TARGET_INVALID'],
    ['no authority', '//api.example.com/items', 'ERR_POP_PATH_MISMATCH'],
    ['the absolute form without a path', 'https://api.example.com', 'ERR_POP_TARGET_INVALID'],
    ['it with a query only', 'https://api.example.com?/items', 'ERR_POP_TARGET_INVALID'],
    ['an asterisk', '*', 'ERR_POP_PATH_MISMATCH'],
    ['nothing', '', 'ERR_POP_PATH_MISMATCH'],
    ['a word', 'items', 'ERR_POP_PATH_MISMATCH'],
    ['dots', '/x/../items', 'ERR_POP_PATH_MISMATCH'],
  ])(
    '%s',
    {
      tags: [
        'attack-40',
        'attack-41',
        'attack-42',
        'attack-43',
        'attack-47',
        'answer-target-elsewhere',
        'rule-location-absolute-form',
        'rule-location-raw-target',
      ],
    },
    async (_, target, expected) => {
      expect(await ask(target)).toBe(expected)
    },
  )

  test(
    'in absolute form names the one of several public URLs that Host names',
    { tags: ['rule-location-absolute-form'] },
    async () => {
      const both = ['https://api.example.com:8443', apiUrl]
      expect(await ask('https://api.example.com/items', both)).toBe('accepted')
      expect(await ask('https://third.example/items', both)).toBe('ERR_POP_TARGET_INVALID')
      const other = ['https://other.example', apiUrl]
      expect(await ask('https://other.example/items', other)).toBe('ERR_POP_TARGET_INVALID')
    },
  )

  test('keeps its query in absolute form', { tags: ['rule-location-absolute-form'] }, async () => {
    const target = 'https://api.example.com/items?a=1'
    const claims = { q: [['a'], hashOf('a=1')] }
    const { accessToken } = await createDefault().verify(signed(claims, { target }))
    expect(accessToken.coverage).toMatchObject({ query: ['a'], queryComplete: true })
  })
})

describe('the evidence of a mismatch', () => {
  const causeOf = async (
    publicUrl: string | readonly string[],
    claims: Record<string, unknown>,
  ): Promise<unknown> => {
    const verification = createDefault({ publicUrl }).verify(signed(claims))
    const error: unknown = await verification.catch((reason: unknown) => reason)
    return (error as Error).cause
  }

  test(
    'names the host that would have matched, with the port where it counts',
    { tags: ['rule-location-evidence'] },
    async () => {
      const claims = { u: 'x.example' }
      expect(await causeOf(apiUrl, claims)).toMatchObject({ expected: 'api.example.com' })
      expect(await causeOf('http://a.example:80', claims)).toMatchObject({ expected: 'a.example' })
      expect(await causeOf(['https://a.example:8443', 'http://b.example'], claims)).toMatchObject({
        member: 'u',
        expected: 'a.example:8443 b.example',
        actual: 'x.example',
      })
    },
  )

  test(
    'names the path that would have matched, with the prefix',
    { tags: ['rule-location-evidence'] },
    async () => {
      expect(await causeOf('https://api.example.com/v1/', { p: '/x' })).toMatchObject({
        member: 'p',
        expected: '/v1/items',
        actual: '/x',
      })
    },
  )

  test(
    'of a DPoP proof names the URI, and hides what somebody put behind it',
    { tags: ['rule-location-evidence'] },
    async () => {
      const verifier = createDefault({ publicUrl: 'https://api.example.com:8443/v1' })
      const proof = signDpop(dana, clock.seconds(), { htu: `${apiUrl}/x?secret=1#secret` })
      const verification = verifier.verify(dpopRequest(dana, proof))
      const error: unknown = await verification.catch((reason: unknown) => reason)
      expect((error as Error).cause).toEqual({
        member: 'htu',
        expected: 'https://api.example.com:8443/v1/items',
        actual: `${apiUrl}/x`,
      })
    },
  )
})
