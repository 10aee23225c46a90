import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPopFetch, generateKeyPair, NonceLoopError, type Fetch } from '@oauth-pop/client'
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

  test.each([
    ['a network that is down', new TypeError('fetch failed')],
    ['a caller who gave up', new DOMException('gave up', 'AbortError')],
  ])('ends with the error of %s, after one attempt', async (_, fault) => {
    const fetch = vi.fn<Fetch>().mockRejectedValue(fault)
    const popFetch = createPopFetch({ accessToken: 'token', key, fetch })
    await expect(popFetch('https://api.example.com/')).rejects.toBe(fault)
    expect(fetch).toHaveBeenCalledTimes(1)
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

  test('hands a redirect back instead of following it with a proof for another URL', async () => {
    let asked = 0
    const url = await serve((_request, response) => {
      asked += 1
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    const response = await createPopFetch({ accessToken: 'token', key })(url)
    expect([response.status, asked]).toEqual([302, 1])
  })

  test('keeps the nonces of parallel requests apart', async () => {
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
    [
      'a form that carries the credential and is covered',
      { accessToken: 'a', key, transport: 'form', cover: { body: true } },
    ],
    ['a transport that does not exist', { accessToken: 'a', key, transport: 'cookie' }],
  ])('refuses %s when it is made', (_, options) => {
    expect(() => createPopFetch(options as never)).toThrow(TypeError)
  })
})
