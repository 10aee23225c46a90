import { createPopFetch, type Fetch, type PopFetchOptions, type Transport } from '@oauth-pop/client'
import { memoryReplayStore, popMiddleware, type PopMiddlewareOptions } from '@oauth-pop/express'
import { listen, type AdapterServer } from '@oauth-pop/testkit'
import express from 'express'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { key, tokens } from './bound-key.ts'

/** What the handler saw of a request. */
interface Seen {
  readonly method: string
  readonly query: unknown
  readonly body: string
  readonly type: string | undefined
  readonly coverage: Readonly<Record<string, unknown>>
}

let api: AdapterServer
let apiWithNonces: AdapterServer

function startApi(options: Partial<PopMiddlewareOptions> = {}): Promise<AdapterServer> {
  const app = express()
  app.set('env', 'test')
  // The client signs in the second in which the API starts.
  const replay = memoryReplayStore({ restartGuard: 'off' })
  app.use(popMiddleware({ publicUrl: 'request', tokens, replay, ...options }))
  app.use(express.text({ type: () => true }))
  app.use(({ method, query, body, headers, accessToken }, response) => {
    const type = headers['content-type']
    const text = typeof body === 'string' ? body : ''
    response.json({ method, query, body: text, type, coverage: accessToken.coverage })
  })
  return listen(app)
}

beforeAll(async () => {
  ;[api, apiWithNonces] = [await startApi(), await startApi({ nonce: {} })]
})
afterAll(async () => {
  await Promise.all([api.close(), apiWithNonces.close()])
})

const urlOf = ({ port }: AdapterServer, target: string): string =>
  `http://127.0.0.1:${port}${target}`

function create(transport: Transport, options: Partial<PopFetchOptions> = {}): Fetch {
  return createPopFetch({ accessToken: 'token', key, transport, ...options })
}

async function seenOf(sending: Promise<Response>): Promise<Seen> {
  const response = await sending
  expect(response.status).toBe(200)
  return (await response.json()) as Seen
}

const credential = 'pop_access_token'

describe('in a form', () => {
  const form = new URLSearchParams({ a: '1', b: 'x y&z' })

  test.each<[string, RequestInit]>([
    ['URLSearchParams', { body: form }],
    [
      'their text',
      {
        body: form.toString(),
        headers: { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=utf-8' },
      },
    ],
  ])('the credential joins the fields of %s', async (_, init) => {
    const seen = await seenOf(create('form')(urlOf(api, '/'), { method: 'post', ...init }))
    expect(seen.method).toBe('POST')
    expect(seen.body).toMatch(/^a=1&b=x\+y%26z&pop_access_token=[\w-]+\.[\w-]+\.[\w-]+$/)
  })

  test('the credential is the form of a request without a body', async () => {
    const seen = await seenOf(create('form')(urlOf(api, '/'), { method: 'DELETE' }))
    expect(seen.body).toMatch(/^pop_access_token=/)
    expect(seen.type).toBe('application/x-www-form-urlencoded')
  })

  test('the credential joins that of a Request, which stays usable', async () => {
    const request = new Request(urlOf(api, '/?c=1'), { method: 'POST', body: form })
    const seen = await seenOf(create('form', { cover: { query: true } })(request))
    expect(new URLSearchParams(seen.body).get('b')).toBe('x y&z')
    expect(seen.coverage).toMatchObject({ query: ['c'], queryComplete: true, body: false })
    expect(await request.text()).toBe(form.toString())
  })

  test('the type of the form can be covered', async () => {
    const popFetch = create('form', { cover: { headers: ['content-type'] } })
    for (const body of [form, null]) {
      const seen = await seenOf(popFetch(urlOf(api, '/'), { method: 'POST', body }))
      expect(seen.coverage['headers']).toEqual(['content-type'])
    }
  })

  test.each<[string, RequestInit]>([
    ['a GET request', {}],
    ['JSON', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }],
    ['text of no type', { method: 'POST', body: 'a=1' }],
    ['FormData', { method: 'POST', body: new FormData() }],
    ['bytes', { method: 'POST', body: new Uint8Array(1) }],
    [
      'a form with a credential',
      { method: 'POST', body: new URLSearchParams({ [credential]: '' }) },
    ],
  ])('no credential can travel with %s', async (_, init) => {
    const fetch = (): never => {
      throw new Error('sent')
    }
    await expect(create('form', { fetch })(urlOf(api, '/'), init)).rejects.toThrow(TypeError)
  })
})

describe('in the URL', () => {
  test.each([
    ['/', {}],
    ['/?', {}],
    ['/?a=1&b=%20%2f+x', { a: '1', b: ' /+x'.replace('+', ' ') }],
    ['/?a=1#there', { a: '1' }],
  ])('the credential joins the query of %s, which can be covered', async (target, query) => {
    const seen = await seenOf(create('query', { cover: { query: true } })(urlOf(api, target)))
    expect(seen.query).toEqual({ ...query, [credential]: expect.any(String) as string })
    expect(seen.coverage).toMatchObject({ query: Object.keys(query), queryComplete: true })
  })

  test('the credential joins that of a Request, which stays usable', async () => {
    const request = new Request(urlOf(api, '/?a=1'), { method: 'PUT', body: 'hello' })
    const popFetch = create('query', { cover: { body: true } })
    const seen = await seenOf(popFetch(request, { headers: { 'content-type': 'text/plain' } }))
    expect(seen).toMatchObject({ method: 'PUT', body: 'hello', type: 'text/plain' })
    expect(seen.coverage).toMatchObject({ body: true })
    expect(await request.text()).toBe('hello')
  })

  test('the body of a Request goes as bytes, because browsers send no streams', async () => {
    const sent: unknown[] = []
    const fetch: Fetch = async (_input, init) => {
      sent.push(init?.body)
      return new Response()
    }
    const popFetch = create('query', { fetch })
    const post = { method: 'POST', body: 'hello' }
    await popFetch(new Request(urlOf(api, '/'), post))
    await popFetch(new Request(urlOf(api, '/'), post), { body: 'other' })
    await popFetch(new Request(urlOf(api, '/')))
    expect(sent).toEqual([new TextEncoder().encode('hello').buffer, 'other', undefined])
  })

  test('there is no second credential', async () => {
    const popFetch = create('query')
    await expect(popFetch(urlOf(api, `/?${credential}=x`))).rejects.toThrow(TypeError)
  })
})

describe.each<Transport>(['header', 'form', 'query'])('%s', (transport) => {
  const headers = { authorization: 'PoP mine' }

  test('replaces the credential of the caller', async () => {
    const sending = create(transport)(urlOf(api, '/'), { method: 'POST', headers })
    expect((await sending).status).toBe(200)
  })

  test('answers a nonce challenge, also for a Request with a body', async () => {
    const body = new URLSearchParams({ a: '1' })
    const request = new Request(urlOf(apiWithNonces, '/?q=1'), { method: 'POST', body })
    const seen = await seenOf(create(transport)(request))
    expect(new URLSearchParams(seen.body).get('a')).toBe('1')
  })

  test('brings whatever is sent through a real server', { timeout: 60_000 }, async () => {
    const pair = fc.tuple(
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.string({ unit: 'binary' }),
    )
    const pairs = fc.uniqueArray(pair, { maxLength: 4, selector: ([name]) => name })
    const toParams = (list: [string, string][]): URLSearchParams => new URLSearchParams(list)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('POST', 'PUT', 'patch', 'DELETE'),
        fc.webPath(),
        pairs.map(toParams),
        pairs.map(toParams),
        async (method, path, query, body) => {
          const cover = transport === 'form' ? {} : { body: true as const }
          const popFetch = create(transport, { cover: { query: true, ...cover } })
          const target = urlOf(api, `/${path.replace(/^\/+/, '')}?${query.toString()}`)
          const seen = await seenOf(popFetch(target, { method, body }))
          const form = new URLSearchParams(seen.body)
          form.delete(credential)
          expect(form.toString()).toBe(body.toString())
          expect(seen.coverage).toMatchObject({ queryComplete: true })
        },
      ),
      { numRuns: 100 },
    )
  })
})
