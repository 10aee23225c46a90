import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  BodySentError,
  createDpopFetch,
  generateKeyPair,
  NonceLoopError,
  readRefusal,
  type DpopFetchOptions,
  type Fetch,
} from '@oauth-pop/client'
import { createClock } from '@oauth-pop/testkit'
import { decodeJwt, type JWTPayload } from 'jose'
import { afterEach, describe, expect, test, vi } from 'vitest'

const key = await generateKeyPair({ algorithm: 'ES256' })

type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  count: number,
) => ServerResponse | void

interface Api {
  readonly url: string
  /** The proofs that have arrived. */
  readonly proofs: JWTPayload[]
}

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A server that answers once the body is there. */
async function serve(answer: Answer): Promise<Api> {
  const proofs: JWTPayload[] = []
  const server = createServer((request, response) => {
    proofs.push(decodeJwt(String(request.headers['dpop'])))
    const count = proofs.length
    request.resume().on('end', () => void answer(request, response, count))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close().closeAllConnections())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, proofs }
}

const asks = 'DPoP error="use_dpop_nonce", error_description="The proof needs a nonce"'
const refuse = (response: ServerResponse, nonce: string): ServerResponse =>
  response.writeHead(401, { 'www-authenticate': asks, 'dpop-nonce': nonce }).end()

function create(options: Partial<DpopFetchOptions> = {}): Fetch {
  return createDpopFetch({ accessToken: 'token', key, ...options })
}

const noncesOf = ({ proofs }: Api): readonly unknown[] => proofs.map(({ nonce }) => nonce)

describe('createDpopFetch', () => {
  test(
    'sends token and proof, and leaves the rest of the request as it was',
    { tags: ['rule-client-dpop-ath'] },
    async () => {
      const api = await serve(({ headers, method, url }, response) =>
        response.end(JSON.stringify({ headers, method, url })),
      )
      const dpopFetch = create({ accessToken: async () => 'token', key: async () => key })
      const response = await dpopFetch(`${api.url}/a?b=1`, {
        method: 'POST',
        body: 'hello',
        headers: { authorization: 'Basic x', 'x-a': '1' },
      })
      expect(await response.json()).toMatchObject({
        headers: { authorization: 'DPoP token', 'x-a': '1', 'content-type': expect.any(String) },
        method: 'POST',
        url: '/a?b=1',
      })
      // SHA-256 of "token"
      const ath = 'PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A'
      expect(api.proofs).toMatchObject([{ htm: 'POST', htu: `${api.url}/a`, ath }])
    },
  )

  test('without a token sends the proof beside what the caller authorizes with', async () => {
    const api = await serve(({ headers }, response) => response.end(headers.authorization))
    const dpopFetch = create({ accessToken: false })
    const response = await dpopFetch(api.url, { headers: { authorization: 'Basic x' } })
    expect(await response.text()).toBe('Basic x')
    expect(api.proofs[0]).not.toHaveProperty('ath')
  })

  describe('a nonce that is asked for', { tags: ['rule-client-dpop-nonce-asked'] }, () => {
    const json = { 'content-type': 'application/json;charset=UTF-8', 'dpop-nonce': 'n1' }
    const error = JSON.stringify({ error: 'use_dpop_nonce', error_description: 'x' })
    const cases: Readonly<
      Record<string, readonly [status: number, headers: object, body: string, isAnswered: boolean]>
    > = {
      'by a resource server': [401, { 'www-authenticate': asks, 'dpop-nonce': 'n1' }, '', true],
      'beside other challenges': [
        401,
        { 'www-authenticate': ['Bearer realm="a, DPoP"', asks, 'Basic'], 'dpop-nonce': 'n1' },
        '',
        true,
      ],
      'in other spelling': [
        401,
        { 'www-authenticate': 'dpop algs="ES256" , ERROR = use_dpop_nonce', 'dpop-nonce': 'n1' },
        '',
        true,
      ],
      'in a header that a gateway renamed': [
        401,
        { 'x-amzn-remapped-www-authenticate': asks, 'dpop-nonce': 'n1' },
        '',
        true,
      ],
      'by an authorization server': [400, json, error, true],
      'by a challenge with 400': [400, { 'www-authenticate': asks, 'dpop-nonce': 'n1' }, '', true],
      'in the body of a 401': [401, json, error, false],
      'in a body that is no JSON': [400, { ...json, 'content-type': 'text/plain' }, error, false],
      'in broken JSON': [400, json, error.slice(1), false],
      'in JSON of another form': [400, json, 'null', false],
      'in JSON that is too long': [400, json, `${' '.repeat(65_537)}${error}`, false],
      'with another error in the body': [400, json, '{"error":"invalid_grant"}', false],
      'under another scheme': [
        401,
        { 'www-authenticate': 'PoP error="use_dpop_nonce"', 'dpop-nonce': 'n1' },
        '',
        false,
      ],
      'with another error': [
        401,
        { 'www-authenticate': 'DPoP error="invalid_dpop_proof"', 'dpop-nonce': 'n1' },
        '',
        false,
      ],
      'with another status': [200, { 'www-authenticate': asks, 'dpop-nonce': 'n1' }, '', false],
      'without a nonce': [401, { 'www-authenticate': asks }, '', false],
      'with two nonces': [401, { 'www-authenticate': asks, 'dpop-nonce': ['n1', 'n2'] }, '', false],
      'with one that is too long': [
        401,
        { 'www-authenticate': asks, 'dpop-nonce': 'n'.repeat(2049) },
        '',
        false,
      ],
      'with one of other characters': [
        401,
        { 'www-authenticate': asks, 'dpop-nonce': 'a"b' },
        '',
        false,
      ],
    }
    test.each(Object.entries(cases))('%s', async (_, [status, headers, body, isAnswered]) => {
      const api = await serve((_request, response, count) =>
        count > 1
          ? response.end('ok')
          : response.writeHead(status, headers as Record<string, string>).end(body),
      )
      const response = await create()(api.url, { method: 'POST', body: 'a=1' })
      expect(noncesOf(api)).toEqual(isAnswered ? [undefined, 'n1'] : [undefined])
      expect(response.status).toBe(isAnswered ? 200 : status)
      expect(await response.text()).toBe(isAnswered ? 'ok' : body)
      expect(new Set(api.proofs.map(({ jti }) => jti)).size).toBe(isAnswered ? 2 : 1)
    })

    test('is the one of that response, also when others bring their own meanwhile', async () => {
      const api = await serve(({ url = '', headers }, response) => {
        const wanted = `nonce-for-${url.slice(1)}`
        const { nonce } = decodeJwt(String(headers['dpop']))
        return nonce === wanted ? response.end('ok') : refuse(response, wanted)
      })
      const dpopFetch = create()
      const statuses = await Promise.all(
        Array.from({ length: 20 }, async (_, at) => (await dpopFetch(`${api.url}/${at}`)).status),
      )
      expect(new Set(statuses)).toEqual(new Set([200]))
      expect(api.proofs).toHaveLength(40)
    })
  })

  describe('the newest nonce', { tags: ['rule-client-dpop-nonce-newest'] }, () => {
    test.each([200, 204, 302, 400, 401, 403, 500])(
      'of a %s is in the next proof',
      async (status) => {
        const api = await serve((_request, response, count) =>
          response.writeHead(status, { 'dpop-nonce': `n${count}` }).end(),
        )
        const dpopFetch = create()
        for (const _ of [1, 2, 3]) expect((await dpopFetch(api.url)).status).toBe(status)
        expect(noncesOf(api)).toEqual([undefined, 'n1', 'n2'])
      },
    )

    test('stays when a response has none, or one that is none', async () => {
      const nonces = ['n1', undefined, 'a b', 'n'.repeat(2049), 'n2']
      const api = await serve((_request, response, count) => {
        const nonce = nonces[count - 1]
        return response.writeHead(200, nonce === undefined ? {} : { 'dpop-nonce': nonce }).end()
      })
      const dpopFetch = create()
      for (const _ of [...nonces, 'last']) await dpopFetch(api.url)
      expect(noncesOf(api)).toEqual([undefined, 'n1', 'n1', 'n1', 'n1', 'n2'])
    })

    test('goes to no other origin, and to no other fetch', async () => {
      const answer: Answer = (_request, response) =>
        response.writeHead(200, { 'dpop-nonce': 'n1' }).end()
      const [one, other] = [await serve(answer), await serve(answer)]
      const dpopFetch = create()
      await dpopFetch(one.url)
      await dpopFetch(other.url)
      await create()(one.url)
      expect([...noncesOf(one), ...noncesOf(other)]).toEqual([undefined, undefined, undefined])
    })

    test('is known as soon as the token is there', async () => {
      const api = await serve((_request, response) =>
        response.writeHead(200, { 'dpop-nonce': 'n1' }).end(),
      )
      let give = (_token: string): void => {}
      const waiting = new Promise<string>((resolve) => (give = resolve))
      const tokens = [waiting, Promise.resolve('token')]
      const dpopFetch = create({ accessToken: () => tokens.shift() ?? 'token' })
      const slow = dpopFetch(api.url)
      await dpopFetch(api.url)
      give('token')
      await slow
      expect(noncesOf(api)).toEqual([undefined, 'n1'])
    })

    test('is kept for the hundred origins heard of last', async () => {
      const nonces: unknown[] = []
      const dpopFetch = create({
        fetch: async (_input, init) => {
          nonces.push(decodeJwt(new Headers(init?.headers).get('dpop') ?? '')['nonce'])
          return new Response(null, { headers: { 'dpop-nonce': 'n1' } })
        },
      })
      const visit = (at: number): Promise<Response> => dpopFetch(`https://api-${at}.example.com/`)
      for (let at = 0; at < 100; at += 1) await visit(at)
      await visit(0)
      await visit(100)
      await visit(0)
      await visit(1)
      expect(nonces.slice(100)).toEqual(['n1', undefined, 'n1', undefined])
    })
  })

  test(
    'does not go round and round with a server that always asks for a nonce',
    { tags: ['rule-client-dpop-nonce-loop'] },
    async () => {
      const api = await serve((_request, response, count) => refuse(response, `n${count}`))
      const dpopFetch = create()
      for (const sent of [2, 4]) {
        const error: unknown = await dpopFetch(api.url).catch((thrown: unknown) => thrown)
        expect(error).toBeInstanceOf(NonceLoopError)
        expect((error as NonceLoopError).response.status).toBe(401)
        expect(api.proofs).toHaveLength(sent)
      }
    },
  )

  test.each([
    ['too old', -3600, 'The proof is too old'],
    ['dated in the future', 3600, 'The proof is dated in the future'],
  ])(
    'dates its proof anew when an authorization server finds it %s',
    { tags: ['rule-client-clock'] },
    async (_, seconds, description) => {
      const clock = createClock()
      const api = await serve((_request, response, count) => {
        if (count > 1) return response.end('ok')
        const date = new Date(clock.now()).toUTCString()
        return response
          .writeHead(400, { date, 'content-type': 'application/json' })
          .end(JSON.stringify({ error: 'invalid_dpop_proof', error_description: description }))
      })
      const now = createClock(clock.seconds() + seconds).now
      const dpopFetch = create({ accessToken: false, now })
      expect((await dpopFetch(api.url, { method: 'POST', body: 'a=1' })).status).toBe(200)
      expect(api.proofs.map(({ iat }) => iat)).toEqual([clock.seconds() + seconds, clock.seconds()])
    },
  )

  describe('a body that is gone once sent', { tags: ['rule-client-dpop-body-once'] }, () => {
    const bodies: Readonly<Record<string, () => unknown>> = {
      'a stream': () => new Blob(['hello']).stream(),
      'an iterable': () =>
        (async function* bytes() {
          yield new TextEncoder().encode('hello')
        })(),
    }
    const init = (body: unknown): RequestInit =>
      ({ method: 'POST', body, duplex: 'half' }) as RequestInit

    test.each(Object.entries(bodies))('is one clear error for %s', async (_, body) => {
      const api = await serve((_request, response, count) =>
        count === 1 ? refuse(response, 'n1') : response.end('ok'),
      )
      const dpopFetch = create()
      const error: unknown = await dpopFetch(api.url, init(body())).catch(
        (thrown: unknown) => thrown,
      )
      expect(error).toBeInstanceOf(BodySentError)
      expect(error).toMatchObject({
        name: 'BodySentError',
        code: 'ERR_POP_BODY_SENT',
        message: expect.stringContaining('cannot be sent twice') as string,
      })
      expect(await (error as BodySentError).response.text()).toBe('')
      expect(noncesOf(api)).toEqual([undefined])
      expect((await dpopFetch(api.url, init(body()))).status).toBe(200)
      expect(noncesOf(api)).toEqual([undefined, 'n1'])
    })

    test('is nothing to speak of when nothing is to be sent again', async () => {
      const api = await serve((_request, response) => response.writeHead(403).end())
      const stream = new Blob(['hello']).stream()
      expect((await create()(api.url, init(stream))).status).toBe(403)
    })

    test('is sent again when it can be', async () => {
      const form = new FormData()
      form.set('a', '1')
      for (const body of [
        'x',
        new URLSearchParams('a=1'),
        new Blob(['x']),
        new Uint8Array(1),
        form,
      ]) {
        const api = await serve((_request, response, count) =>
          count === 1 ? refuse(response, 'n1') : response.end('ok'),
        )
        expect((await create()(api.url, { method: 'POST', body })).status).toBe(200)
      }
    })

    test('is refused by fetch itself when it was read before', async () => {
      const api = await serve((_request, response) => response.end('ok'))
      const request = new Request(api.url, { method: 'POST', body: 'hello' })
      await request.text()
      await expect(create()(request)).rejects.toThrow(TypeError)
      expect(api.proofs).toHaveLength(0)
    })
  })

  test(
    'hands a redirect back instead of following it with a proof for another URL',
    { tags: ['rule-client-redirect'] },
    async () => {
      const api = await serve((_request, response) =>
        response.writeHead(307, { location: '/elsewhere' }).end(),
      )
      const given = [{}, { redirect: 'follow' }, { redirect: 'manual' }] as const
      for (const init of given) expect((await create()(api.url, init)).status).toBe(307)
      expect((await create()(new Request(api.url))).status).toBe(307)
      await expect(create()(api.url, { redirect: 'error' })).rejects.toThrow(TypeError)
      expect(api.proofs.map(({ htu }) => htu)).toEqual(Array(5).fill(`${api.url}/`))
    },
  )

  describe('ends with one error', () => {
    const url = 'https://api.example.com/'

    test.each([
      ['a network that is down', new TypeError('fetch failed')],
      ['a caller who gave up', new DOMException('gave up', 'AbortError')],
    ])('of %s, after one attempt', async (_, fault) => {
      const fetch = vi.fn<Fetch>().mockRejectedValue(fault)
      await expect(create({ fetch })(url)).rejects.toBe(fault)
      expect(fetch).toHaveBeenCalledTimes(1)
    })

    test('of a network that goes down before the second attempt', async () => {
      const fault = new TypeError('fetch failed')
      const headers = { 'www-authenticate': asks, 'dpop-nonce': 'n1' }
      const fetch = vi
        .fn<Fetch>()
        .mockResolvedValueOnce(new Response(null, { status: 401, headers }))
        .mockRejectedValue(fault)
      await expect(create({ fetch })(url)).rejects.toBe(fault)
      expect(fetch).toHaveBeenCalledTimes(2)
    })

    test.each([undefined, null, 'text', {}, { status: 200 }])(
      'for a fetch that resolves to %j',
      async (nothing) => {
        const fetch = vi.fn<Fetch>().mockResolvedValue(nothing as never)
        const said = new TypeError('fetch must resolve to a Response')
        await expect(create({ fetch })(url)).rejects.toThrow(said)
        expect(fetch).toHaveBeenCalledTimes(1)
      },
    )

    test.each<[string, Partial<DpopFetchOptions>]>([
      ['the key', { key: () => new Promise<never>(() => {}) }],
      ['the access token', { accessToken: () => new Promise<never>(() => {}) }],
    ])('of a caller who does not wait for %s', async (_, pending) => {
      const fetch = vi.fn<Fetch>()
      const reason = new Error('gave up')
      const controller = new AbortController()
      const waiting = create({ fetch, ...pending })(url, { signal: controller.signal })
      setTimeout(() => controller.abort(reason), 20)
      await expect(waiting).rejects.toBe(reason)
      const early = create({ fetch })(new Request(url, { signal: AbortSignal.abort(reason) }))
      await expect(early).rejects.toBe(reason)
      expect(fetch).not.toHaveBeenCalled()
    })

    test('of a caller who does not wait for an error body that never ends', async () => {
      const headers = { 'content-type': 'application/json', 'dpop-nonce': 'n1' }
      const api = await serve((_request, response) => {
        response.writeHead(400, headers).write('{"error":')
      })
      const reason = new Error('gave up')
      const controller = new AbortController()
      const waiting = create()(api.url, { signal: controller.signal })
      await vi.waitFor(() => expect(api.proofs).toHaveLength(1))
      controller.abort(reason)
      await expect(waiting).rejects.toBe(reason)
    })

    test.each<[string, Partial<DpopFetchOptions>, RequestInit, string]>([
      ['no key', { key: async () => undefined as never }, {}, 'key must be'],
      ['no token', { accessToken: async () => '' }, {}, 'accessToken must be'],
      ['a token with a space', { accessToken: 'a b' }, {}, 'cannot travel'],
      ['another proof', {}, { headers: { DPoP: 'x' } }, 'DPoP header'],
      ['a method that is none', {}, { method: 'GET /' }, 'method must be'],
      ['a control character', {}, { headers: { 'content-type': 'a\u0001' } }, 'cannot travel'],
      ['a delete character', {}, { headers: { 'x-a': '\u007f' } }, 'cannot travel'],
    ])('and sends nothing with %s', async (_, options, init, said) => {
      const fetch = vi.fn<Fetch>()
      const sending = create({ fetch, ...options })(url, init)
      await expect(sending).rejects.toThrow(TypeError)
      await expect(sending).rejects.toThrow(said)
      expect(fetch).not.toHaveBeenCalled()
    })
  })

  test.each([
    ['an unknown option', { accessToken: 'a', key, cover: {} }],
    ['a missing key', { accessToken: 'a' }],
    ['a missing token', { key }],
    ['a token that is undefined', { accessToken: undefined, key }],
    ['a token that is true', { accessToken: true, key }],
    ['nothing', undefined],
    ['a fetch that is none', { accessToken: 'a', key, fetch: 'fetch' }],
    ['a clock that is a number', { accessToken: 'a', key, now: 1 }],
  ])('refuses %s when it is made', (_, options) => {
    expect(() => createDpopFetch(options as never)).toThrow(/^createDpopFetch|must be/)
    expect(() => createDpopFetch(options as never)).toThrow(TypeError)
  })
})

test.each<[string, Record<string, string>, unknown]>([
  [
    'a visible challenge and nonce',
    { 'www-authenticate': asks, 'dpop-nonce': 'n1' },
    {
      header: 'www-authenticate',
      error: 'use_dpop_nonce',
      description: 'The proof needs a nonce',
    },
  ],
  [
    'a challenge without its nonce',
    { 'www-authenticate': asks },
    {
      header: 'www-authenticate',
      error: 'use_dpop_nonce',
      description: expect.stringContaining('sees no DPoP-Nonce') as string,
    },
  ],
  [
    'a nonce without its challenge',
    { 'dpop-nonce': 'n1' },
    {
      header: undefined,
      error: undefined,
      description: expect.stringContaining('sees no WWW-Authenticate') as string,
    },
  ],
])('readRefusal of DPoP says %s', { tags: ['rule-client-hidden'] }, (_, headers, expected) => {
  expect(readRefusal(new Response(null, { status: 401, headers }), 'DPoP')).toEqual(expected)
})
