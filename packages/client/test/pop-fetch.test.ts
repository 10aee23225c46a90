import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createPopFetch,
  generateKeyPair,
  NonceLoopError,
  readRefusal,
  type Fetch,
} from '@oauth-pop/client'
import { afterEach, describe, expect, test, vi } from 'vitest'

const key = await generateKeyPair({ algorithm: 'ES256' })

describe('createPopFetch', () => {
  let close = (): void => {}
  afterEach(() => close())

  async function serve(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<string> {
    const server = createServer(answer)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    close = () => {
      server.close().closeAllConnections()
    }
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  function proofOf(request: IncomingMessage): Record<string, unknown> {
    const [, payload = ''] = (request.headers.authorization ?? '').split('.')
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
  }

  test('signs what it sends, and leaves the rest of the request as it was', async () => {
    const url = await serve((request, response) => {
      const { at, m, p, q } = proofOf(request)
      let body = ''
      request.on('data', (chunk) => (body += String(chunk)))
      request.on('end', () =>
        response.end(JSON.stringify({ at, m, p, q, body, type: request.headers['content-type'] })),
      )
    })
    const popFetch = createPopFetch({
      accessToken: async () => 'token',
      key: async () => key,
      cover: { query: true },
    })
    const response = await popFetch(`${url}/a?b=1`, {
      method: 'POST',
      body: 'hello',
      headers: { 'content-type': 'text/plain' },
    })
    expect(await response.json()).toMatchObject({
      at: 'token',
      m: 'POST',
      p: '/a',
      q: [['b'], expect.any(String)],
      body: 'hello',
      type: 'text/plain',
    })
  })

  test('answers a nonce challenge once, with a fresh proof', async () => {
    const seen: Record<string, unknown>[] = []
    const url = await serve((request, response) => {
      seen.push(proofOf(request))
      if (seen.length > 1) return void response.end('ok')
      response
        .writeHead(401, { 'www-authenticate': 'PoP nonce="n1", realm="x", error="use_pop_nonce"' })
        .end()
    })
    const response = await createPopFetch({ accessToken: 'token', key })(url)
    expect(response.status).toBe(200)
    expect(seen.map(({ nonce }) => nonce)).toEqual([undefined, 'n1'])
    expect(seen[0]?.['jti']).not.toBe(seen[1]?.['jti'])
  })

  const challenges: Readonly<Record<string, readonly [header: string, isAsked: boolean]>> = {
    'a nonce without an error': ['PoP nonce="n1"', true],
    'other spelling': ['pop error=use_pop_nonce , NONCE = n1', true],
    'a quoted nonce': ['PoP nonce="\\n\\1", error="use_pop_nonce"', true],
    'a challenge before it': ['Basic realm="a, PoP", PoP nonce="n1", error="use_pop_nonce"', true],
    'a token68 before it': ['Negotiate YII/a==, PoP nonce="n1", error="use_pop_nonce"', true],
    'odd characters before it': ['B\u00e9 =,; PoP nonce="n1", error="use_pop_nonce"', true],
    'a challenge after it': ['PoP nonce="n1", error="use_pop_nonce", Bearer error="x"', true],
    'another error': ['PoP nonce="n1", error="invalid_token"', false],
    'the nonce of another scheme': ['DPoP nonce="n1", error="use_pop_nonce"', false],
    'an empty nonce': ['PoP nonce="", error="use_pop_nonce"', false],
    'no nonce': ['PoP error="use_pop_nonce"', false],
    'text in quotes': ['Basic realm="PoP nonce=n1"', false],
  }
  test.each(Object.entries(challenges))(
    'reads a challenge with %s',
    async (_, [header, isAsked]) => {
      const nonces: unknown[] = []
      const url = await serve((request, response) => {
        nonces.push(proofOf(request)['nonce'])
        if (nonces.length > 1) return void response.end()
        response.writeHead(401, { 'www-authenticate': header }).end()
      })
      await createPopFetch({ accessToken: 'token', key })(url)
      expect(nonces).toEqual(isAsked ? [undefined, 'n1'] : [undefined])
    },
  )

  test('does not go round and round with a server that always asks for a nonce', async () => {
    let asked = 0
    const url = await serve((_request, response) => {
      asked += 1
      response
        .writeHead(401, { 'www-authenticate': `PoP nonce="n${asked}", error="use_pop_nonce"` })
        .end()
    })
    const error: unknown = await createPopFetch({ accessToken: 'token', key })(url).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(NonceLoopError)
    const { message, response } = error as NonceLoopError
    expect(message).toBe('the server refused the nonce that it had just given')
    expect([response.status, asked]).toEqual([401, 2])
  })

  describe('a challenge under another name', { tags: ['rule-client-hidden'] }, () => {
    const renamed = 'x-amzn-remapped-www-authenticate'
    const asks = 'PoP nonce="n1", error="use_pop_nonce", error_description="The proof needs one"'

    test('is answered all the same', async () => {
      const nonces: unknown[] = []
      const url = await serve((request, response) => {
        nonces.push(proofOf(request)['nonce'])
        if (nonces.length > 1) return void response.end()
        response.writeHead(401, { [renamed]: asks }).end()
      })
      expect((await createPopFetch({ accessToken: 'token', key })(url)).status).toBe(200)
      expect(nonces).toEqual([undefined, 'n1'])
    })

    test.each<[string, number, Record<string, string>, unknown]>([
      [
        'a visible challenge',
        401,
        { 'www-authenticate': asks },
        {
          header: 'www-authenticate',
          error: 'use_pop_nonce',
          description: 'The proof needs one',
        },
      ],
      [
        'a renamed one',
        401,
        { [renamed]: asks },
        { header: renamed, error: 'use_pop_nonce', description: 'The proof needs one' },
      ],
      [
        'the real one before the renamed one',
        401,
        { 'www-authenticate': 'PoP error="invalid_token"', [renamed]: asks },
        { header: 'www-authenticate', error: 'invalid_token', description: undefined },
      ],
      [
        'none to be seen',
        401,
        {},
        {
          header: undefined,
          error: undefined,
          description: expect.stringContaining('Access-Control-Expose-Headers') as string,
        },
      ],
      ['no 401', 200, { 'www-authenticate': asks }, undefined],
    ])('readRefusal says %s', (_, status, headers, expected) => {
      expect(readRefusal(new Response(null, { status, headers }))).toEqual(expected)
    })
  })

  test.each<[string, RequestInit, string]>([
    ['a proof of another scheme', { headers: { DPoP: 'x' } }, 'DPoP header'],
    [
      'a credential in its form',
      { method: 'POST', body: new URLSearchParams({ pop_access_token: 'x' }) },
      'pop_access_token already',
    ],
  ])(
    'sends nothing for a request with %s',
    { tags: ['rule-client-acceptable'] },
    async (_, init, said) => {
      const fetch = vi.fn<Fetch>()
      const sending = createPopFetch({ accessToken: 'token', key, fetch })(
        'https://a.example',
        init,
      )
      await expect(sending).rejects.toThrow(TypeError)
      await expect(sending).rejects.toThrow(said)
      expect(fetch).not.toHaveBeenCalled()
    },
  )

  test.each([
    ['a network that is down', new TypeError('fetch failed')],
    ['a caller who gave up', new DOMException('gave up', 'AbortError')],
  ])('ends with the error of %s, after one attempt', async (_, fault) => {
    const fetch = vi.fn<Fetch>().mockRejectedValue(fault)
    const popFetch = createPopFetch({ accessToken: 'token', key, fetch })
    await expect(popFetch('https://api.example.com/')).rejects.toBe(fault)
    expect(fetch).toHaveBeenCalledTimes(1)
  })

  describe('keeps to what the caller said', () => {
    const url = 'https://api.example.com/items'
    async function sentBy(...args: Parameters<Fetch>): Promise<Request> {
      const fetch = vi.fn<Fetch>(async () => new Response())
      await createPopFetch({ accessToken: 'token', key, fetch })(...args)
      const [input, init] = fetch.mock.calls[0] as Parameters<Fetch>
      return new Request(input, init)
    }

    test('of the referrer in a Request', async () => {
      const quiet = { referrer: '', referrerPolicy: 'no-referrer' } as const
      expect(await sentBy(new Request(url, quiet))).toMatchObject(quiet)
      const { referrerPolicy } = await sentBy(new Request(url, quiet), { referrerPolicy: 'origin' })
      expect(referrerPolicy).toBe('origin')
    })

    test('in a second Request', async () => {
      const sent = await sentBy(url, new Request(url, { method: 'POST', body: 'hello' }))
      expect([sent.method, await sent.text()]).toEqual(['POST', 'hello'])
    })

    test('by saying nothing', async () => {
      expect((await sentBy(url, null as never)).method).toBe('GET')
    })
  })

  test.each([
    ['the key', { key: () => new Promise<never>(() => {}) }],
    ['the access token', { accessToken: () => new Promise<never>(() => {}) }],
  ])('waits for %s no longer than its caller', async (_, pending) => {
    const fetch = vi.fn<Fetch>()
    const popFetch = createPopFetch({ accessToken: 'token', key, fetch, ...pending })
    const url = 'https://api.example.com/'
    const reason = new Error('gave up')
    const controller = new AbortController()
    const waiting = popFetch(url, { signal: controller.signal })
    setTimeout(() => controller.abort(reason), 20)
    await expect(waiting).rejects.toBe(reason)
    await expect(popFetch(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await expect(popFetch(new Request(url, { signal: AbortSignal.abort(reason) }))).rejects.toBe(
      reason,
    )
    expect(fetch).not.toHaveBeenCalled()
  })

  test.each([
    ['no key', { key: async () => undefined as never }],
    ['no token', { accessToken: async () => '' }],
  ])('sends nothing when it is found that there is %s', async (_, missing) => {
    const fetch = vi.fn<Fetch>()
    const popFetch = createPopFetch({ accessToken: 'token', key, fetch, ...missing })
    await expect(popFetch('https://api.example.com/')).rejects.toThrow(TypeError)
    expect(fetch).not.toHaveBeenCalled()
  })

  test('answers no challenge that is not one', async () => {
    let asked = 0
    const url = await serve((_request, response) => {
      asked += 1
      response.writeHead(200, { 'www-authenticate': 'PoP nonce="n1", error="use_pop_nonce"' }).end()
    })
    expect((await createPopFetch({ accessToken: 'token', key })(url)).status).toBe(200)
    expect(asked).toBe(1)
  })

  test('hands the challenge to the caller whose stream is gone', async () => {
    let asked = 0
    const url = await serve((request, response) => {
      asked += 1
      request
        .resume()
        .on('end', () =>
          response
            .writeHead(401, { 'www-authenticate': 'PoP nonce="n1", error="use_pop_nonce"' })
            .end(),
        )
    })
    const body = new Blob(['hello']).stream()
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    expect((await createPopFetch({ accessToken: 'token', key })(url, init)).status).toBe(401)
    expect(asked).toBe(1)
  })

  test(
    'hands a redirect back instead of following it with a proof for another URL',
    { tags: ['rule-client-redirect'] },
    async () => {
      let asked = 0
      const url = await serve((_request, response) => {
        asked += 1
        response.writeHead(302, { location: '/elsewhere' }).end()
      })
      const response = await createPopFetch({ accessToken: 'token', key })(url)
      expect([response.status, asked]).toEqual([302, 1])
    },
  )

  test('keeps the nonces of parallel requests apart', { tags: ['rule-client-nonce'] }, async () => {
    const url = await serve((request, response) => {
      const { nonce, p } = proofOf(request)
      const wanted = `nonce-for-${String(p)}`
      if (nonce === wanted) return void response.end('ok')
      response
        .writeHead(401, { 'www-authenticate': `PoP nonce="${wanted}", error="use_pop_nonce"` })
        .end()
    })
    const popFetch = createPopFetch({ accessToken: 'token', key })
    const paths = Array.from({ length: 20 }, (_, index) => `/${index}`)
    const statuses = await Promise.all(
      paths.map(async (path) => (await popFetch(url + path)).status),
    )
    expect(new Set(statuses)).toEqual(new Set([200]))
  })

  test.each([
    ['an unknown option', { accessToken: 'a', key, tranport: 'header' }],
    ['a missing key', { accessToken: 'a' }],
    ['a missing token', { key }],
    ['nothing', undefined],
    ['a token that is a number', { accessToken: 5, key }],
    ['a fetch that is none', { accessToken: 'a', key, fetch: 'fetch' }],
    ['a name as no URL has it', { accessToken: 'a', key, cover: { query: ['user name'] } }],
    ['another such name', { accessToken: 'a', key, cover: { query: ['a=b'] } }],
    [
      'a form that carries the credential and is covered',
      { accessToken: 'a', key, transport: 'form', cover: { body: true } },
    ],
    ['a clock that is a number', { accessToken: 'a', key, now: 1 }],
    ['a transport that does not exist', { accessToken: 'a', key, transport: 'cookie' }],
  ])('refuses %s when it is made', (_, options) => {
    expect(() => createPopFetch(options as never)).toThrow(TypeError)
  })
})
