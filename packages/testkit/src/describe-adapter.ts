import { gzipSync } from 'node:zlib'
import { connect } from 'node:net'
import type { AccessToken, ClaimsCheck, CoverageRequirement } from '@oauth-pop/core'
import type { AdapterOptions } from '@oauth-pop/core/node'
import { memoryReplayStore, pop, ReplayStoreError } from '@oauth-pop/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashOf, signDpop } from './builders.ts'
import {
  encodeRequest,
  sendInPieces,
  sendRaw,
  type RawRequest,
  type RawResponse,
} from './raw-http.ts'
import { createScenarios } from './scenarios.ts'
import {
  compareAnswer,
  isSupported,
  loadVectors,
  requirementsOf,
  vectorBody,
  vectorOptions,
} from './vectors.ts'

/** A real server of the framework, with the adapter in front of one handler for every path and method. */
export interface AdapterServer {
  readonly port: number
  /** How often the handler ran. */
  readonly handled: () => number
  readonly close: () => Promise<void>
}

/** What stands behind the adapter. */
export interface Route {
  /** Headers that the handler sets. */
  readonly headers?: Readonly<Record<string, string>>
  /** Guards in front of the handler. */
  readonly guards?: Guards
  /** The handler throws an error with this message. */
  readonly failure?: string
}

/** The arguments of each guard that a route has. */
export interface Guards {
  readonly scopes?: readonly string[]
  readonly anyScope?: readonly string[]
  readonly claims?: ClaimsCheck
  readonly coverage?: CoverageRequirement
}

export interface AdapterHarness {
  /** The handler answers 200 with `describeToken(accessToken)` as JSON. */
  start(options: AdapterOptions, route?: Route): Promise<AdapterServer>
}

/** The guards of a route, made with the functions of an adapter. */
export function createGuards<Guard>(
  { scopes, anyScope, claims, coverage }: Guards,
  adapter: {
    requireScopes(...all: string[]): Guard
    requireAnyScope(...any: string[]): Guard
    requireClaims(check: ClaimsCheck): Guard
    requireCoverage(requirement: CoverageRequirement): Guard
  },
): readonly Guard[] {
  return [
    ...(scopes ? [adapter.requireScopes(...scopes)] : []),
    ...(anyScope ? [adapter.requireAnyScope(...anyScope)] : []),
    ...(claims ? [adapter.requireClaims(claims)] : []),
    ...(coverage ? [adapter.requireCoverage(coverage)] : []),
  ]
}

/** What the handler of a harness answers. */
export function describeToken(accessToken: AccessToken | undefined): object {
  if (accessToken === undefined) return { anonymous: true }
  const { scheme, scope, scopes, subject, clientId, audience, keyThumbprint, coverage } =
    accessToken
  return { scheme, scope, scopes, subject, clientId, audience, keyThumbprint, coverage }
}

/** Runs all vectors and the scenarios of the design against an adapter, over real sockets. */
export function describeAdapter(name: string, harness: AdapterHarness): void {
  describeVectors(name, harness)
  describeScenarios(name, harness)
}

function describeVectors(name: string, harness: AdapterHarness): void {
  describe.each(['pop', 'dpop'] as const)(`%s vectors through ${name}`, (suiteName) => {
    const suite = loadVectors(suiteName)
    const supported = suite.cases.filter(({ config }) =>
      isSupported(suite.configs[config] as never),
    )

    supported.forEach((vector) => {
      test(`${vector.id} ${vector.title}`, { tags: requirementsOf(vector) }, async () => {
        const { config, steps } = vector

        let now = steps[0]?.now ?? suite.now
        const server = await harness.start(
          vectorOptions(suite.configs[config] as never, () => now * 1000),
        )
        try {
          for (const [index, step] of steps.entries()) {
            now = step.now ?? suite.now
            const handledBefore = server.handled()
            const { status, headers, body } = await sendRaw(server.port, {
              ...step.request,
              body: vectorBody(step.request),
            })
            const accessToken: unknown =
              status === 200 && body !== '' ? JSON.parse(body) : undefined
            const isHead = step.request.method === 'HEAD'
            const expected = isHead ? { ...step.expect, accessToken: {} } : step.expect
            const differences = compareAnswer(expected, { status, headers, accessToken })
            const handled = server.handled() - handledBefore
            expect({ index, differences, handled }).toEqual({
              index,
              differences: [],
              handled: status === 200 ? 1 : 0,
            })
          }
        } finally {
          await server.close()
        }
      })
    })
  })
}

function describeScenarios(name: string, harness: AdapterHarness): void {
  describe(`scenarios through ${name}`, () => {
    const { options, clock, signedByDpop, sign, request, withHeaders, post, refusals, guarded } =
      createScenarios()
    let server: AdapterServer

    beforeAll(async () => {
      server = await harness.start(options)
    })
    afterAll(async () => {
      await server.close()
    })

    test('lets a valid request through', async () => {
      const response = await sendRaw(server.port, request())
      expect(response.status).toBe(200)
      expect(JSON.parse(response.body)).toMatchObject({
        scheme: 'PoP',
        subject: 'alice',
        scopes: ['read', 'write'],
      })
    })

    test('lets a valid DPoP request through', async () => {
      const headers = withHeaders(
        ['Authorization', `DPoP ${signedByDpop.accessToken}`],
        ['DPoP', signDpop(signedByDpop, clock.seconds())],
      )
      const response = await sendRaw(server.port, request({ headers }))
      expect(response.status).toBe(200)
    })

    Object.entries(refusals).forEach(([title, [build, status, code, requirements = []]]) => {
      test(`refuses ${title}`, { tags: [...requirements] }, async () => {
        const refused = await watchRefusals(async () => {
          const before = server.handled()
          const response = await sendRaw(server.port, build())
          expect(server.handled()).toBe(before)
          expect(response.status).toBe(status)
          checkRefusal(response, status)
          expect(JSON.stringify(response)).not.toMatch(/eyJ|evil|app\.example/)
        })
        expect(refused).toEqual([code])
      })
    })

    test(
      'a malformed percent sequence in the path never reaches the handler',
      { tags: ['attack-55'] },
      async () => {
        const before = server.handled()
        const { status } = await sendRaw(server.port, request({ target: '/%zz' }))
        // The routers of Fastify and Nest refuse it by themselves, ahead of every hook and guard.
        expect([400, 401]).toContain(status)
        expect(server.handled()).toBe(before)
      },
    )

    test(
      'answers the same wrong request alike, whatever it carries, and reflects nothing',
      { tags: ['attack-195', 'attack-196', 'answer-nothing-reflected'] },
      async () => {
        const refuse = async (canary: string): Promise<object> => {
          const proof = sign({ p: `/${canary}", x="\r\nX-Injected: 1` })
          const target = `/items?${canary}=1`
          const headers = withHeaders(['Authorization', `PoP ${proof}`], ['X-Odd', `"${canary}"`])
          const response = await sendRaw(server.port, request({ target, headers }))
          expect(response.status).toBe(401)
          expect(JSON.stringify(response)).not.toContain(canary)
          expect(JSON.stringify(response)).not.toContain(proof)
          expect(JSON.stringify(response)).not.toMatch(/x-injected/i)
          return { ...response, headers: response.headers.filter(([header]) => header !== 'date') }
        }
        expect(await refuse('canary-7f3a')).toEqual(await refuse('another-canary-0b'))
      },
    )

    test(
      'refuses a credential of more than 16384 characters',
      { tags: ['attack-28', 'attack-217', 'shr-credential-length'] },
      async () => {
        const form = (length: number): RawRequest => ({
          method: 'POST',
          target: '/items',
          headers: withHeaders(['Content-Type', 'application/x-www-form-urlencoded']),
          body: Buffer.from(`pop_access_token=${'A'.repeat(length)}`),
        })
        const own = await harness.start({ ...options, maxBodyBytes: 100_000 })
        const refused = await watchRefusals(async () => {
          expect((await sendRaw(own.port, form(16_384))).status).toBe(401)
          expect((await sendRaw(own.port, form(16_385))).status).toBe(400)
        })
        await own.close()
        expect(refused).toEqual(['ERR_POP_PROOF_MALFORMED', 'ERR_POP_CREDENTIAL_TOO_LONG'])
      },
    )

    test('accepts a body of exactly the limit', async () => {
      const body = Buffer.alloc(1000, 0x61)
      expect((await sendRaw(server.port, post(body, { b: hashOf(body) }))).status).toBe(200)
    })

    test('verifies OPTIONS like any other method', async () => {
      const signed = request({ method: 'OPTIONS' }, { m: 'OPTIONS' })
      expect((await sendRaw(server.port, signed)).status).toBe(200)
    })

    test.each([
      ['of known length', {}],
      ['in chunks', { chunkBytes: 100 }],
    ])('verifies a signed body %s that arrives in pieces', async (_, change) => {
      const body = Buffer.alloc(900, 0x61)
      const good = post(body, { b: hashOf(body) }, change)
      expect((await sendInPieces(server.port, good, 64)).status).toBe(200)
      const bad = post(body, { b: hashOf(body.subarray(1)) }, change)
      expect((await sendInPieces(server.port, bad, 64)).status).toBe(401)
    })

    test('keeps the connection usable after a refusal because of the body', async () => {
      const wrong = post(Buffer.from('{"a":2}'), { b: hashOf('{"a":1}') })
      const both = Buffer.concat([encodeRequest(wrong), encodeRequest(request())])
      expect(await readStatuses(server.port, both, 2)).toEqual([401, 200])
    })

    test.each([
      ['as it is', {}],
      ['in chunks', { chunkBytes: 3 }],
    ])('verifies a signed body sent %s', async (_, change) => {
      const body = Buffer.from('{"name":"dog"}')
      const response = await sendRaw(server.port, post(body, { b: hashOf(body) }, change))
      expect(response.status).toBe(200)
      expect(JSON.parse(response.body)).toMatchObject({ coverage: { body: true } })
    })

    test(
      'hashes a compressed body as it travels',
      { tags: ['attack-178', 'shr-body-coded'] },
      async () => {
        const body = gzipSync('{"name":"dog"}')
        const headers = (claims: Record<string, unknown>): RawRequest['headers'] =>
          withHeaders(
            ['Content-Type', 'application/octet-stream'],
            ['Content-Encoding', 'gzip'],
            ['Authorization', `PoP ${sign({ m: 'POST', ...claims })}`],
          )
        const send = (b: string): Promise<RawResponse> =>
          sendRaw(server.port, { method: 'POST', target: '/items', headers: headers({ b }), body })
        expect((await send(hashOf(body))).status).toBe(200)
        expect((await send(hashOf('{"name":"dog"}'))).status).toBe(401)
      },
    )

    test('survives a client that goes away in the middle of a signed body', async () => {
      const half = post(Buffer.from('abcdef'), { b: hashOf('abcdef') }, { truncate: true })
      const refused = await watchRefusals(async () => {
        const socket = connect(server.port, '127.0.0.1', () => socket.write(encodeRequest(half)))
        setTimeout(() => socket.destroy(), 100)
        await new Promise((resolve) => socket.once('close', resolve))
        expect((await sendRaw(server.port, request())).status).toBe(200)
      })
      expect(refused).toEqual(['ERR_POP_BODY_ABORTED'])
    })

    test(
      'a client that goes away once its proof is claimed has used it up',
      { tags: ['attack-145'] },
      async () => {
        const store = memoryReplayStore({ now: clock.now })
        let leave = async (): Promise<void> => {}
        const claim: typeof store.claim = async (entry) => {
          const isFirst = await store.claim(entry)
          await leave()
          return isFirst
        }
        const own = await harness.start({ ...options, replay: { claim } })
        const same = request()
        const socket = connect(own.port, '127.0.0.1', () => socket.write(encodeRequest(same)))
        await new Promise<void>((resolve) => {
          leave = () => {
            leave = async () => {}
            const closed = new Promise<void>((gone) => void socket.once('close', () => gone()))
            socket.resetAndDestroy()
            return closed.then(resolve)
          }
        })
        expect((await sendRaw(own.port, same)).status).toBe(401)
        expect((await sendRaw(own.port, request())).status).toBe(200)
        await own.close()
      },
    )

    test(
      'answers a body that never ends within its deadline',
      { timeout: 20_000, tags: ['attack-221', 'answer-body-timeout'] },
      async () => {
        const endless = post(Buffer.from('abcdef'), { b: hashOf('abcdef') }, { truncate: true })
        const response = await sendRaw(server.port, endless)
        expect(response.status).toBe(408)
        checkRefusal(response, 408)
      },
    )

    test(
      'lets exactly one of a thousand identical requests through',
      { timeout: 60_000, tags: ['attack-129', 'rule-replay-once'] },
      async () => {
        const same = request()
        const before = server.handled()
        const sent = Array.from({ length: 1000 }, () => sendRaw(server.port, same))
        const statuses = (await Promise.all(sent)).map(({ status }) => status)
        expect(statuses.filter((status) => status === 200)).toHaveLength(1)
        expect(statuses.filter((status) => status === 401)).toHaveLength(999)
        expect(server.handled() - before).toBe(1)
      },
    )

    test('keeps the connection of a refused request usable', async () => {
      const both = Buffer.concat([
        encodeRequest(request({ headers: withHeaders() })),
        encodeRequest(request()),
      ])
      const statuses = await readStatuses(server.port, both, 2)
      expect(statuses).toEqual([401, 200])
    })

    test(
      'keeps a query credential out of shared caches, whatever the handler says',
      { tags: ['attack-25', 'answer-query-private', 'answer-query-referrer'] },
      async () => {
        const handlerSays = async (cacheControl: string): Promise<readonly string[]> => {
          const own = await harness.start(options, { headers: { 'cache-control': cacheControl } })
          const target = `/items?pop_access_token=${sign()}`
          const { status, headers } = await sendRaw(
            own.port,
            request({ target, headers: withHeaders() }),
          )
          await own.close()
          expect(status).toBe(200)
          expect(valuesOf(headers, 'referrer-policy')).toEqual(['no-referrer'])
          return valuesOf(headers, 'cache-control')
        }
        expect(await handlerSays('public, max-age=60')).toEqual(['private'])
        expect(await handlerSays('public, private')).toEqual(['private'])
        expect(await handlerSays('private="set-cookie"')).toEqual(['private'])
        expect(await handlerSays('no-store')).toEqual(['no-store'])
      },
    )

    test(
      'an error of the handler keeps the rules for a query credential',
      { tags: ['answer-query-error'] },
      async () => {
        const own = await harness.start(options, { failure: 'broken' })
        const target = `/items?pop_access_token=${sign()}`
        const response = await sendRaw(own.port, request({ target, headers: withHeaders() }))
        await own.close()
        expect([response.status, own.handled()]).toEqual([500, 1])
        expect(valuesOf(response.headers, 'cache-control')).toEqual(['private'])
        expect(valuesOf(response.headers, 'referrer-policy')).toEqual(['no-referrer'])
      },
    )

    Object.entries(guarded).forEach(([title, { requirements = [], ...scenario }]) => {
      test(`guards: ${title}`, { tags: [...requirements] }, async () => {
        const { guards, status, build, challenge, optional = false } = scenario
        const own = await harness.start({ ...options, optional }, { guards })
        const response = await sendRaw(own.port, build())
        await own.close()
        expect([response.status, own.handled()]).toEqual([status, status === 200 ? 1 : 0])
        if (status !== 200) checkRefusal(response, status)
        expect(valuesOf(response.headers, 'www-authenticate')).toEqual(
          expect.arrayContaining(challenge === undefined ? [] : [challenge]),
        )
        expect(response.body).not.toContain('secret detail')
      })
    })

    test(
      'answers 503 without detail when a token source fails',
      { tags: ['answer-token-source-down', 'answer-no-detail', 'answer-no-challenge-for-outage'] },
      async () => {
        const failing = { resolve: () => Promise.reject(new Error('secret detail')) }
        const response = await once(harness, { ...options, tokens: failing }, request())
        expect(response.status).toBe(503)
        expect(valuesOf(response.headers, 'retry-after')).toEqual(['1'])
        expect(response.body).not.toContain('secret detail')
        checkRefusal(response, 503)
      },
    )

    test.each([
      ['throws', () => Promise.reject(new Error('down'))],
      ['is full', () => Promise.reject(new ReplayStoreError('ERR_POP_REPLAY_FULL'))],
      [
        'answers with something else than a boolean',
        () => Promise.resolve('yes' as unknown as boolean),
      ],
      ['does not answer', () => new Promise<boolean>(() => {})],
    ])(
      'answers 503 when the replay store %s',
      {
        tags: [
          'attack-131',
          'attack-146',
          'answer-store-down',
          'rule-replay-literal-answer',
          'rule-replay-deadline',
        ],
      },
      async (_, claim) => {
        const response = await once(harness, { ...options, replay: { claim } }, request())
        expect(response.status).toBe(503)
        checkRefusal(response, 503)
      },
    )

    test(
      'with optional, lets an absent credential pass and refuses a bad one',
      { tags: ['attack-214', 'rule-optional'] },
      async () => {
        const own = await harness.start({ ...options, optional: true })
        const absent = await sendRaw(own.port, request({ headers: withHeaders() }))
        const bad = await sendRaw(own.port, request({}, { p: '/other' }))
        await own.close()
        expect([absent.status, JSON.parse(absent.body)]).toEqual([200, { anonymous: true }])
        expect(bad.status).toBe(401)
      },
    )

    test(
      'with publicUrl request, compares with the host that the framework sees',
      { tags: ['rule-location-request', 'rule-location-forwarded'] },
      async () => {
        const own = await harness.start({ ...options, publicUrl: 'request' })
        const headers = (host: string): RawRequest['headers'] => [
          ['Host', host],
          ['Authorization', `PoP ${sign()}`],
        ]
        const right = await sendRaw(own.port, request({ headers: headers('api.example.com') }))
        const other = await sendRaw(own.port, request({ headers: headers('other.example.com') }))
        const forwarded = await sendRaw(
          own.port,
          request({
            headers: [...headers('other.example.com'), ['X-Forwarded-Host', 'api.example.com']],
          }),
        )
        await own.close()
        expect([right.status, other.status, forwarded.status]).toEqual([200, 401, 401])
      },
    )

    test(
      'takes a form credential only where it is enabled',
      { tags: ['shr-form', 'shr-transports-narrowed'] },
      async () => {
        const form = (): RawRequest => ({
          method: 'POST',
          target: '/items',
          headers: withHeaders(['Content-Type', 'application/x-www-form-urlencoded']),
          body: Buffer.from(`a=1&pop_access_token=${sign({ m: 'POST' })}`),
        })
        expect((await sendRaw(server.port, form())).status).toBe(200)
        const headerOnly = { ...options, schemes: [pop({ transports: ['header'] })] }
        expect((await once(harness, headerOnly, form())).status).toBe(401)
      },
    )
  })
}

async function once(
  harness: AdapterHarness,
  options: AdapterOptions,
  request: RawRequest,
): Promise<RawResponse> {
  const server = await harness.start(options)
  try {
    const response = await sendRaw(server.port, request)
    return response
  } finally {
    await server.close()
  }
}

function valuesOf(headers: RawResponse['headers'], wanted: string): readonly string[] {
  return headers.filter(([name]) => name === wanted).map(([, value]) => value)
}

/** What every refusal has, and what it must not have. */
function checkRefusal({ headers, body }: RawResponse, status: number): void {
  expect(valuesOf(headers, 'cache-control')).toEqual(['no-store'])
  expect(body).not.toMatch(/\bat .*:\d+:\d+/)
  const challenged = [400, 401, 403].includes(status)
  expect(valuesOf(headers, 'www-authenticate').length > 0).toBe(challenged)
  const closes = status === 408 || status === 413
  expect(valuesOf(headers, 'connection').includes('close')).toBe(closes)
}

/** The codes that the verifier publishes while something happens. */
async function watchRefusals(act: () => Promise<void>): Promise<readonly string[]> {
  const { subscribe, unsubscribe } = await import('node:diagnostics_channel')
  const codes: string[] = []
  const listen = (event: unknown): void => void codes.push((event as { code: string }).code)
  subscribe('oauth-pop:refused', listen)
  try {
    await act()
  } finally {
    unsubscribe('oauth-pop:refused', listen)
  }
  return codes
}

/** Sends several requests on one connection and reads the status of each answer. */
function readStatuses(port: number, bytes: Uint8Array, count: number): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.setTimeout(5000, () => socket.destroy(new Error(`only got ${text}`)))
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
      if (statuses.length < count) return
      socket.destroy()
      resolve(statuses)
    })
  })
}
