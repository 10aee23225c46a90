import diagnostics from 'node:diagnostics_channel'
import { bearer, dpop, pop } from '@oauth-pop/core'
import { expect, test } from 'vitest'
import { hashOf, signDpop } from '../builders.ts'
import { sendRaw, type RawRequest } from '../raw-http.ts'
import { checkRefusal, valuesOf } from './checks.ts'
import type { Claims, Fixtures } from './fixtures.ts'
import type { AdapterServer, Guards } from './harness.ts'
import { createLoginGuarded } from './login-guards.ts'
import type { Requirements, Subject } from './subject.ts'

/** A request to a guarded route, and its status. */
export interface GuardedScenario {
  readonly guards: Guards
  readonly status: number
  readonly build: () => RawRequest
  /** The one challenge of the answer, where its words matter. */
  readonly challenge?: string
  /** All challenges of the answer, where there must be no other. */
  readonly challenges?: readonly string[]
  readonly optional?: true
  readonly requirements?: Requirements
}

export type GuardedScenarios = Readonly<Record<string, GuardedScenario>>

interface Requesters {
  readonly anonymous: (change?: Partial<RawRequest>) => RawRequest
  readonly byDpop: (change?: Partial<RawRequest>) => RawRequest
}

function createRequesters({ request, withHeaders, clock, signedByDpop }: Fixtures): Requesters {
  return {
    anonymous: (change) => request({ ...change, headers: withHeaders() }),
    byDpop(change) {
      const headers = withHeaders(
        ['Authorization', `DPoP ${signedByDpop.accessToken}`],
        ['DPoP', signDpop(signedByDpop, clock.seconds())],
      )
      return request({ ...change, headers })
    },
  }
}

/** Each title with the guards of the route, the request and its status. */
export function createGuarded(fixtures: Fixtures): GuardedScenarios {
  const { request, post } = fixtures
  const { byDpop, anonymous } = createRequesters(fixtures)
  const guardedWith = (
    guards: Guards,
    status: number,
    build = (): RawRequest => request(),
  ): GuardedScenario => ({ guards, status, build })
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

  return {
    ...createLoginGuarded(fixtures),
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
    'any token': { ...guardedWith({ token: true }, 200), requirements: ['rule-guard-token'] },
    'no token where any will do': {
      ...guardedWith({ token: true }, 401, anonymous),
      optional: true,
      requirements: ['rule-guard-token'],
    },
    'the scheme that is wanted': {
      ...guardedWith({ schemes: ['DPoP'] }, 200, byDpop),
      requirements: ['rule-guard-scheme'],
    },
    'another scheme than is wanted': {
      ...guardedWith({ schemes: ['PoP'] }, 401, byDpop),
      challenges: ['PoP realm="api.example.com"'],
      requirements: ['rule-guard-scheme'],
    },
    'scheme and scopes both fail': {
      ...guardedWith({ scopes: ['admin'], schemes: ['PoP'] }, 401, byDpop),
      requirements: ['rule-guard-order'],
    },
    'scopes and coverage both fail': {
      ...guardedWith({ coverage: { body: true }, scopes: ['admin'] }, 403, () => json({})),
      requirements: ['rule-guard-order'],
    },
    'all scopes and any scope both fail': {
      ...guardedWith({ anyScope: ['owner'], scopes: ['admin'] }, 403),
      requirements: ['rule-guard-order'],
    },
    'claims and coverage both fail': {
      ...guardedWith({ coverage: { body: true }, claims: () => false }, 403, () => json({})),
      requirements: ['rule-guard-order'],
    },
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
}

/** The answers to requests without a query and with one, and how often the handler ran. */
async function statusesOf(
  server: AdapterServer,
  builders: readonly Requesters['anonymous'][],
): Promise<readonly number[]> {
  const requests = builders.flatMap((build) => [build(), build({ target: '/items?a=1' })])
  const statuses: number[] = []
  for (const request of requests) statuses.push((await sendRaw(server.port, request)).status)
  await server.close()
  return [...statuses, server.handled()]
}

/** Guards in front of the handler: scheme, scopes, claims, coverage and login. */
export const guards: Subject = {
  describe({ harness, fixtures }) {
    const { options } = fixtures
    const { byDpop, anonymous } = createRequesters(fixtures)

    Object.entries(createGuarded(fixtures)).forEach(
      ([title, { requirements = [], ...scenario }]) => {
        test(`guards: ${title}`, { tags: [...requirements] }, async () => {
          const { guards, status, build, challenge, challenges, optional = false } = scenario
          const own = await harness.start({ ...options, optional }, { guards })
          const response = await sendRaw(own.port, build())
          await own.close()
          expect([response.status, own.handled()]).toEqual([status, status === 200 ? 1 : 0])
          if (status !== 200) checkRefusal(response, status)
          const among: unknown = expect.arrayContaining(challenge === undefined ? [] : [challenge])
          expect(valuesOf(response.headers, 'www-authenticate')).toEqual(challenges ?? among)
          expect(response.body).not.toContain('secret detail')
        })
      },
    )

    test.each<[string, Guards]>([
      ['requireCoverage query', { coverage: { query: true } }],
      ['requireCoverage query', { coverage: { query: ['a'] } }],
      ['requireCoverage headers', { coverage: { headers: ['x-tenant'] } }],
      ['requireCoverage body', { coverage: { body: true } }],
      [
        'requireCoverage query headers body',
        { coverage: { query: true, headers: ['a'], body: true } },
      ],
      ['requireScheme', { schemes: ['PoP'] }],
      ['requireScheme', { schemes: ['PoP'], scopes: ['read'] }],
    ])(
      'guards: %s that no scheme can satisfy, as in %j, is refused at start-up, or else always',
      { tags: ['rule-guard-satisfiable'] },
      async (name, guards) => {
        const own = { ...options, schemes: [dpop(), bearer()], optional: true }
        const line = `${name} can never be satisfied with schemes: [dpop(), bearer()]: write schemes: [dpop(), bearer(), pop()]`
        const outcome = await harness.start(own, { guards }).then(
          (server) => statusesOf(server, [byDpop, anonymous]),
          (error: Error) => error.message,
        )
        const atStart: unknown = expect.stringContaining(line)
        expect(outcome).toEqual(harness.seesGuards === true ? atStart : [500, 500, 500, 500, 0])
      },
    )

    test.each<[string, boolean, () => RawRequest]>([
      ['of the verifier', false, () => fixtures.request({ target: '/items?a=1' }, { m: 'POST' })],
      ['without credential', false, () => anonymous({ target: '/items?a=1' })],
      ['of a guard', false, () => fixtures.request({ target: '/items?a=1' })],
      ['of a guard without a token', true, () => anonymous({ target: '/items?a=1' })],
    ])(
      'guards: the event of a refusal %s names the request',
      { tags: ['rule-event'] },
      async (_, optional, build) => {
        const own = await harness.start(
          { ...options, schemes: [pop({ uncoveredQuery: 'allow' })], optional },
          { guards: { scopes: ['admin'] } },
        )
        const events: unknown[] = []
        const listen = (event: unknown): void => void events.push(event)
        diagnostics.subscribe('oauth-pop:refused', listen)
        await sendRaw(own.port, build())
        diagnostics.unsubscribe('oauth-pop:refused', listen)
        await own.close()
        expect(events).toMatchObject([{ method: 'GET', path: '/items' }])
      },
    )
  },
}
