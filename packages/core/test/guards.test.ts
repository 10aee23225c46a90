import diagnostics from 'node:diagnostics_channel'
import {
  bearer,
  createVerifier,
  dpop,
  pop,
  PopError,
  requireAnyScope,
  requireAuthentication,
  requireClaims,
  requireCoverage,
  requireScheme,
  requireScopes,
  requireToken,
  type CoverageRequirement,
  type Guard,
  type GuardContext,
  type HttpRequest,
  type RefusedEvent,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  dpopRequest,
  hashOf,
  popRequest,
  signDpop,
  signPop,
} from '@oauth-pop/testkit'
import { describe, expect, test, vi } from 'vitest'

const clock = createClock()
const { holder, tokens } = createHolders()
const verifier = createVerifier({
  publicUrl: apiUrl,
  tokens,
  now: clock.now,
  schemes: [bearer(), dpop({ algorithms: ['ES256'] }), pop({ uncoveredQuery: 'allow' })],
})

async function contextOf(request: HttpRequest): Promise<GuardContext> {
  const { accessToken } = await verifier.verify(request)
  return { verifier, accessToken }
}

function popContext(
  claims: Record<string, unknown> = {},
  change: Partial<HttpRequest> = {},
  headers: readonly string[] = [],
): Promise<GuardContext> {
  const request = popRequest(signPop(holder(), clock.seconds(), claims), change)
  return contextOf({ ...request, rawHeaders: [...request.rawHeaders, ...headers] })
}

async function dpopContext(): Promise<GuardContext> {
  const dana = holder('jkt')
  return contextOf(dpopRequest(dana, signDpop(dana, clock.seconds())))
}

function bearerContext(): Promise<GuardContext> {
  const { accessToken } = holder('none')
  return contextOf({
    method: 'GET',
    target: '/items',
    rawHeaders: ['Host', 'api.example.com', 'Authorization', `Bearer ${accessToken}`],
  })
}

async function refusalOf(guard: Guard, context: GuardContext | undefined): Promise<PopError> {
  try {
    await guard(context)
  } catch (error) {
    if (error instanceof PopError) return error
    throw error
  }
  throw new Error('the guard let it pass')
}

async function outcome(guard: Guard, context: GuardContext | undefined): Promise<string> {
  return Promise.resolve()
    .then(() => guard(context))
    .then(
      () => 'passes',
      (error: unknown) => (error instanceof PopError ? error.code : String(error)),
    )
}

describe('scope guards', () => {
  test.each<[string, Guard, string]>([
    ['all of them held', requireScopes('read', 'write'), 'passes'],
    ['one of two missing', requireScopes('read', 'admin'), 'ERR_POP_SCOPE_INSUFFICIENT'],
    ['a part of a held name', requireScopes('rea'), 'ERR_POP_SCOPE_INSUFFICIENT'],
    ['another letter case', requireScopes('Read'), 'ERR_POP_SCOPE_INSUFFICIENT'],
    ['any: one of two held', requireAnyScope('admin', 'write'), 'passes'],
    ['any: none held', requireAnyScope('admin', 'owner'), 'ERR_POP_SCOPE_INSUFFICIENT'],
  ])('%s', { tags: ['rule-guard-scopes'] }, async (_, guard, expected) => {
    expect(await outcome(guard, await popContext())).toBe(expected)
  })

  test(
    'a refusal speaks the language of the scheme used, and names what is needed',
    { tags: ['answer-scope', 'answer-algs'] },
    async () => {
      const guard = requireScopes('read', 'admin')
      const rest =
        'realm="api.example.com", error="insufficient_scope", error_description="The access token lacks a required scope", scope="read admin"'
      const challenges: unknown[] = []
      for (const context of [await popContext(), await dpopContext(), await bearerContext()]) {
        const refusal = await refusalOf(guard, context)
        expect([refusal.status, refusal.headers['cache-control']]).toEqual([403, 'no-store'])
        challenges.push(refusal.headers['www-authenticate'])
      }
      expect(challenges).toEqual([`PoP ${rest}`, `DPoP ${rest}, algs="ES256"`, `Bearer ${rest}`])
    },
  )

  test('a scope that a quoted string cannot hold is refused without being named', async () => {
    const { headers } = await refusalOf(requireScopes("it's=fine"), await popContext())
    expect(headers['www-authenticate']).toMatch(/error="insufficient_scope"/)
    expect(headers['www-authenticate']).not.toMatch(/scope="it/)
  })
})

describe('requireClaims', () => {
  test.each<[string, (claims: Readonly<Record<string, unknown>>) => unknown, string]>([
    ['true', ({ sub }) => sub === 'alice', 'passes'],
    ['a promise of true', async ({ sub }) => sub === 'alice', 'passes'],
    ['false', () => false, 'ERR_POP_CLAIMS_INSUFFICIENT'],
    ['a promise of false', async () => false, 'ERR_POP_CLAIMS_INSUFFICIENT'],
    ['nothing', () => undefined, 'ERR_POP_CLAIMS_INSUFFICIENT'],
    ['something truthy', () => 'yes', 'ERR_POP_CLAIMS_INSUFFICIENT'],
    ['a rejection', () => Promise.reject(new Error('db')), 'ERR_POP_CHECK_FAILED'],
    ['an error', () => JSON.parse('{'), 'ERR_POP_CHECK_FAILED'],
  ])(
    'a check that answers with %s',
    { tags: ['rule-guard-claims'] },
    async (_, check, expected) => {
      expect(await outcome(requireClaims(check as never), await popContext())).toBe(expected)
    },
  )

  test('without a check is a mistake at start-up', { tags: ['rule-guard-empty'] }, () => {
    expect(() => requireClaims(undefined as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ERR_POP_OPTION_MISSING' }) as Error,
    )
  })

  test(
    'a refusal does not name scopes, a failed check has no challenge at all',
    { tags: ['answer-claims', 'answer-no-challenge-for-outage'] },
    async () => {
      const refused = await refusalOf(
        requireClaims(() => false),
        await popContext(),
      )
      expect(refused.status).toBe(403)
      expect(refused.headers['www-authenticate']).toMatch(/error="insufficient_scope"/)
      expect(refused.headers['www-authenticate']).not.toMatch(/scope="/)
      const failed = await refusalOf(
        requireClaims(() => {
          throw new Error('x')
        }),
        await popContext(),
      )
      expect([failed.status, failed.headers['www-authenticate']]).toEqual([500, undefined])
    },
  )
})

describe('requireCoverage', () => {
  const q = [['a'], hashOf('a=1')]
  const h = [['X-Tenant'], hashOf('X-Tenant: one')]
  const tenant = ['X-Tenant', 'one']
  const body = async (): Promise<Uint8Array> => Buffer.from('abcd')

  test.each<[string, CoverageRequirement, () => Promise<GuardContext>, string | undefined]>([
    [
      'a complete query',
      { query: true },
      () => popContext({ q }, { target: '/items?a=1' }),
      undefined,
    ],
    ['no query at all', { query: true }, () => popContext(), undefined],
    ['an unsigned query', { query: true }, () => popContext({}, { target: '/items?a=1' }), 'q'],
    [
      'a query signed in part',
      { query: true },
      () => popContext({ q }, { target: '/items?a=1&b=2' }),
      'q',
    ],
    [
      'the named part of a query',
      { query: ['a'] },
      () => popContext({ q }, { target: '/items?a=1&b=2' }),
      undefined,
    ],
    [
      'another part of a query',
      { query: ['a', 'b'] },
      () => popContext({ q }, { target: '/items?a=1&b=2' }),
      'q',
    ],
    ['a named parameter that is not there', { query: ['a'] }, () => popContext(), 'q'],
    [
      'a query signed as a whole',
      { query: ['a'] },
      () => popContext({ q: [[], 'a=1'] }, { target: '/items?a=1' }),
      undefined,
    ],
    ['a signed header', { headers: ['x-tenant'] }, () => popContext({ h }, {}, tenant), undefined],
    [
      'a signed header in other letters',
      { headers: ['X-TENANT'] },
      () => popContext({ h }, {}, tenant),
      undefined,
    ],
    ['an unsigned header', { headers: ['x-tenant'] }, () => popContext({}, {}, tenant), 'h'],
    ['a signed body', { body: true }, () => popContext({ b: hashOf('abcd') }, { body }), undefined],
    ['an unsigned body', { body: true }, () => popContext({}, { body }), 'b'],
    ['a DPoP proof and a body', { body: true }, dpopContext, 'b'],
    ['a DPoP proof without query', { query: true }, dpopContext, undefined],
  ])(
    '%s',
    { tags: ['attack-173', 'attack-177', 'rule-guard-coverage'] },
    async (_, requirement, makeContext, lacking) => {
      const context = await makeContext()
      const judge = async (): Promise<string | undefined> => {
        try {
          await requireCoverage(requirement)(context)
          return undefined
        } catch (error) {
          if (!(error instanceof PopError)) throw error
          const { member } = error.cause as { member: string }
          return `${error.status} ${error.code} ${member}`
        }
      }
      const refused = lacking && `401 ERR_POP_COVERAGE_MISSING ${lacking}`
      expect(await judge()).toBe(refused)
    },
  )

  test(
    'the word of the refusal is that of the scheme used',
    { tags: ['answer-coverage'] },
    async () => {
      const guard = requireCoverage({ body: true })
      expect((await refusalOf(guard, await popContext())).error).toBe('invalid_token')
      expect((await refusalOf(guard, await dpopContext())).error).toBe('invalid_dpop_proof')
    },
  )

  test(
    'the evidence says when the scheme used can never sign what is missing',
    { tags: ['answer-coverage'] },
    async () => {
      const guard = requireCoverage({ body: true })
      expect((await refusalOf(guard, await popContext())).cause).toEqual({ member: 'b' })
      expect((await refusalOf(guard, await dpopContext())).cause).toEqual({
        member: 'b',
        expected: 'PoP',
        actual: 'DPoP, which cannot sign it',
      })
    },
  )

  test.each<[string, unknown]>([
    ['nothing', {}],
    ['undefined only', { query: undefined }],
    ['an empty query', { query: [] }],
    ['a misspelled part', { querry: true }],
    ['a body that is no flag', { body: 'yes' }],
    ['no options', undefined],
  ])('to require %s is a mistake at start-up', { tags: ['rule-guard-empty'] }, (_, requirement) => {
    expect(() => requireCoverage(requirement as never)).toThrow(TypeError)
  })
})

describe('requireToken', () => {
  test(
    'passes every verified token, and only then',
    { tags: ['rule-guard-token', 'rule-guard-anonymous'] },
    async () => {
      for (const context of [await popContext(), await dpopContext(), await bearerContext()]) {
        expect(await outcome(requireToken(), context)).toBe('passes')
      }
      const anonymous = { verifier, accessToken: undefined }
      expect(await outcome(requireToken(), anonymous)).toBe('ERR_POP_CREDENTIAL_MISSING')
    },
  )
})

describe('requireScheme', () => {
  const lines = {
    PoP: 'PoP realm="api.example.com"',
    DPoP: 'DPoP realm="api.example.com", algs="ES256"',
    Bearer: 'Bearer realm="api.example.com"',
  }
  type Name = keyof typeof lines
  const names = Object.keys(lines) as Name[]
  const sets = names.flatMap((first, index) => [
    [first],
    ...names.slice(index + 1).map((second) => [first, second]),
  ])
  const contexts = { PoP: popContext, DPoP: dpopContext, Bearer: bearerContext }
  const rows = [...sets, names].flatMap((required) =>
    names.map((used) => [required, used] as const),
  )

  test.each(rows)(
    '%j and a token by %s: passes, or 401 with the challenges of exactly those',
    { tags: ['rule-guard-scheme', 'answer-algs'] },
    async (required, used) => {
      const context = await contexts[used]()
      const guard = requireScheme(...required.toReversed())
      const judge = async (): Promise<unknown> => {
        if ((await outcome(guard, context)) === 'passes') return 'passes'
        const { code, status, error, headers } = await refusalOf(guard, context)
        return [code, status, error, [headers['www-authenticate']].flat()]
      }
      const challenges = required.map((name) => lines[name])
      const refused = ['ERR_POP_SCHEME_INSUFFICIENT', 401, undefined, challenges]
      expect(await judge()).toEqual(required.includes(used) ? 'passes' : refused)
    },
  )

  test(
    'an anonymous request hears of those schemes only',
    { tags: ['rule-guard-scheme', 'rule-guard-anonymous'] },
    async () => {
      const anonymous = { verifier, accessToken: undefined }
      const refusal = await refusalOf(requireScheme('DPoP'), anonymous)
      expect([refusal.code, refusal.headers['www-authenticate']]).toEqual([
        'ERR_POP_CREDENTIAL_MISSING',
        lines.DPoP,
      ])
    },
  )

  test(
    'with server nonces, the refusal gives one at once',
    { tags: ['rule-guard-scheme'] },
    async () => {
      const own = createVerifier({
        publicUrl: apiUrl,
        tokens,
        now: clock.now,
        nonce: {},
      })
      const { accessToken } = await popContext()
      const { headers } = await refusalOf(requireScheme('DPoP'), { verifier: own, accessToken })
      expect(headers['dpop-nonce']).toMatch(/./)
      expect(headers['www-authenticate']).toMatch(/^DPoP /)
    },
  )

  test.each<[string, unknown[]]>([
    ['nothing', []],
    ['an unknown name', ['OAuth']],
    ['a name in other letters', ['pop']],
    ['an unknown name beside a known one', ['PoP', 'Basic']],
    ['an empty name', ['']],
    ['a list', [['PoP']]],
  ])('%s is a mistake at start-up', { tags: ['rule-guard-empty'] }, (_, wrong) => {
    expect(() => requireScheme(...(wrong as never[]))).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ERR_POP_OPTION_INVALID' }) as Error,
    )
  })
})

describe('a guard that no scheme of the verifier can satisfy', () => {
  const withoutPop = createVerifier({
    publicUrl: apiUrl,
    tokens,
    now: clock.now,
    schemes: [dpop(), bearer()],
  })
  const dana = holder('jkt')
  async function danasContext(target = '/items'): Promise<GuardContext> {
    const request = dpopRequest(dana, signDpop(dana, clock.seconds()))
    const { accessToken } = await withoutPop.verify({ ...request, target })
    return { verifier: withoutPop, accessToken }
  }

  test.each<[string, Guard, string]>([
    ['a body', requireCoverage({ body: true }), 'requireCoverage body'],
    ['headers', requireCoverage({ headers: ['x-tenant'] }), 'requireCoverage headers'],
    ['parameters', requireCoverage({ query: ['a'] }), 'requireCoverage query'],
    ['the whole query', requireCoverage({ query: true }), 'requireCoverage query'],
    ['another scheme', requireScheme('PoP'), 'requireScheme'],
  ])(
    '%s: 500 for every request, and the event has the line to write',
    { tags: ['rule-guard-satisfiable'] },
    async (_, guard, member) => {
      const contexts = [
        await danasContext('/items?a=1'),
        await danasContext(),
        { verifier: withoutPop, accessToken: undefined },
      ]
      const events: RefusedEvent[] = []
      const listen = (event: unknown): void => void events.push(event as RefusedEvent)
      diagnostics.subscribe('oauth-pop:refused', listen)
      for (const context of contexts) {
        const refusal = await refusalOf(guard, context)
        expect([refusal.status, refusal.headers]).toEqual([500, { 'cache-control': 'no-store' }])
      }
      diagnostics.unsubscribe('oauth-pop:refused', listen)
      const cause = {
        member,
        expected: 'schemes: [dpop(), bearer(), pop()]',
        actual: 'schemes: [dpop(), bearer()]',
      }
      const event = { code: 'ERR_POP_GUARD_UNSATISFIABLE', status: 500, cause }
      expect(events).toMatchObject([event, event, event])
    },
  )
})

test(
  'every refusal of a guard names the request in its event',
  { tags: ['rule-event'] },
  async () => {
    const request = { method: 'GET', target: '/items?a=1' }
    const contexts = [
      { ...(await popContext()), request },
      { verifier, accessToken: undefined, request },
    ]
    const refusing: Guard[] = [
      requireScheme('DPoP'),
      requireScopes('admin'),
      requireAnyScope('admin'),
      requireClaims(() => false),
      requireCoverage({ body: true }),
      requireAuthentication({ maxAgeSeconds: 5 }),
    ]
    const events: RefusedEvent[] = []
    const listen = (event: unknown): void => void events.push(event as RefusedEvent)
    diagnostics.subscribe('oauth-pop:refused', listen)
    for (const guard of refusing) for (const context of contexts) await refusalOf(guard, context)
    diagnostics.unsubscribe('oauth-pop:refused', listen)
    expect(events.map(({ method, path }) => `${method} ${path}`)).toEqual(
      Array<string>(12).fill('GET /items'),
    )
  },
)

describe('guards without a verified token', () => {
  const guards: Record<string, Guard> = {
    requireToken: requireToken(),
    requireScheme: requireScheme('Bearer', 'DPoP', 'PoP'),
    requireScopes: requireScopes('read'),
    requireAnyScope: requireAnyScope('read'),
    requireClaims: requireClaims(() => true),
    requireCoverage: requireCoverage({ body: true }),
    requireAuthentication: requireAuthentication({ acrValues: ['phr'] }),
  }

  test.each(Object.entries(guards))(
    '%s refuses an anonymous request',
    { tags: ['rule-guard-anonymous'] },
    async (_, guard) => {
      const refusal = await refusalOf(guard, { verifier, accessToken: undefined })
      expect([refusal.status, refusal.error]).toEqual([401, undefined])
      expect(refusal.headers['www-authenticate']).toEqual([
        'PoP realm="api.example.com"',
        'DPoP realm="api.example.com", algs="ES256"',
        'Bearer realm="api.example.com"',
      ])
    },
  )

  test.each(Object.entries(guards))(
    '%s refuses when no verifier ran',
    { tags: ['attack-213', 'rule-guard-without-verifier'] },
    async (_, guard) => {
      const refusal = await refusalOf(guard, undefined)
      expect([refusal.status, refusal.headers]).toEqual([
        401,
        { 'www-authenticate': 'PoP realm="oauth-pop"', 'cache-control': 'no-store' },
      ])
    },
  )

  test(
    'the operator hears once that no verifier ran',
    { tags: ['attack-213', 'rule-guard-without-verifier'] },
    async () => {
      vi.resetModules()
      const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
      const fresh = await import('@oauth-pop/core')
      const guard = fresh.requireScopes('read')
      for (const _ of [1, 2, 3]) expect(() => guard(undefined)).toThrow(fresh.PopError)
      expect(warning).toHaveBeenCalledExactlyOnceWith(
        expect.stringMatching(/mount the middleware before it/),
        expect.objectContaining({ type: 'OAuthPopWarning' }),
      )
      warning.mockRestore()
    },
  )
})
