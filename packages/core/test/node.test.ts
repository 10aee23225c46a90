import { createServer, IncomingMessage, ServerResponse, type OutgoingHttpHeaders } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { Socket, type AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { PopError, type AccessToken, type GuardContext } from '@oauth-pop/core'
import {
  createProtection,
  runGuard,
  type AdapterOptions,
  type Protection,
} from '@oauth-pop/core/node'
import {
  addressOf,
  apiUrl,
  createClock,
  createHolders,
  hashOf,
  outcomeOf,
  sendHttp2,
  sendInPieces,
  sendRaw,
  signPop,
  type RawRequest,
  type RawResponse,
} from '@oauth-pop/testkit'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'

const clock = createClock()
const { holder, tokens } = createHolders()
const alice = holder()
const options: AdapterOptions = { publicUrl: apiUrl, tokens, now: clock.now }

type Handle = (
  request: IncomingMessage,
  response: ServerResponse,
  verify: (protection?: Protection) => Promise<AccessToken | undefined>,
) => Promise<void>

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A bare Node server: the adapter's part, and nothing of any framework. */
async function serve(handle: Handle, own: Partial<AdapterOptions> = {}): Promise<number> {
  const protection = createProtection({ ...options, ...own })
  const server = createServer((request, response) => {
    const view = { target: request.url ?? '', origin: () => apiUrl }
    handle(request, response, (other = protection) => other.verify(request, response, view)).catch(
      (error: unknown) => {
        if (!(error instanceof PopError)) throw error
        response.writeHead(error.status).end(JSON.stringify(error))
      },
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}

/** What a guard is told of a request. */
async function contextOf(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<GuardContext | undefined> {
  let seen: GuardContext | undefined
  await runGuard((context) => void (seen = context), request, response)
  return seen
}

function get(target = '/items', claims: Record<string, unknown> = {}): RawRequest {
  const proof = signPop(alice, clock.seconds(), claims)
  const headers = [
    ['Host', 'api.example.com'],
    ['Authorization', `PoP ${proof}`],
  ] as const
  return { method: 'GET', target, headers }
}

function post(body: Buffer, change: Partial<RawRequest> = {}): RawRequest {
  return { ...get('/items', { m: 'POST', b: hashOf(body) }), method: 'POST', body, ...change }
}

function inQuery(): RawRequest {
  const target = `/items?pop_access_token=${signPop(alice, clock.seconds())}`
  return { method: 'GET', target, headers: [['Host', 'api.example.com']] }
}

function valuesOf({ headers }: RawResponse, wanted: string): readonly string[] {
  return headers.filter(([name]) => name === wanted).map(([, value]) => value)
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

describe('options of an adapter', () => {
  test.each<[string, object, string]>([
    ['a limit below zero', { maxBodyBytes: -1 }, 'ERR_POP_OPTION_INVALID'],
    ['an endless limit', { maxBodyBytes: Infinity }, 'ERR_POP_OPTION_INVALID'],
    ['optional as text', { optional: 'true' }, 'ERR_POP_OPTION_INVALID'],
    ['a misspelled name', { optionall: true }, 'ERR_POP_OPTION_UNKNOWN'],
  ])(
    '%s fails at start-up',
    { tags: ['rule-options-unknown', 'rule-options-numbers'] },
    (_, wrong, code) => {
      expect(() => createProtection({ ...options, ...wrong })).toThrow(
        expect.objectContaining({ name: 'TypeError', code }) as Error,
      )
    },
  )
})

describe('a credential in the query', () => {
  const cases: Record<string, [(response: ServerResponse) => void, readonly string[]]> = {
    nothing: [(response) => void response.end(), ['private']],
    public: [(response) => void response.setHeader('Cache-Control', 'public').end(), ['private']],
    'public in writeHead': [
      (response) => void response.writeHead(200, { 'Cache-Control': 'public' }).end(),
      ['private'],
    ],
    'public in writeHead with a reason': [
      (response) => void response.writeHead(200, 'Fine', { 'Cache-Control': 'public' }).end(),
      ['private'],
    ],
    'public in writeHead as a list': [
      (response) => void response.writeHead(200, ['Cache-Control', 'public']).end(),
      ['private'],
    ],
    'public, flushed': [
      (response) => {
        response.setHeader('Cache-Control', 'max-age=60')
        response.flushHeaders()
        response.end()
      },
      ['private'],
    ],
    'a word that only contains private': [
      (response) => void response.setHeader('Cache-Control', 'x-private, public').end(),
      ['private'],
    ],
    'private for one field only': [
      (response) => void response.setHeader('Cache-Control', 'private="set-cookie"').end(),
      ['private'],
    ],
    'private with an age': [
      (response) => void response.setHeader('Cache-Control', 'max-age=60, private').end(),
      ['max-age=60, private'],
    ],
    'private in other letters': [
      (response) => void response.setHeader('Cache-Control', 'Private').end(),
      ['Private'],
    ],
    'no-store': [
      (response) => void response.writeHead(200, { 'cache-control': 'no-store' }).end(),
      ['no-store'],
    ],
  }

  test.each(Object.entries(cases))(
    'stays private when the handler says %s',
    { tags: ['attack-25', 'answer-query-private', 'answer-query-referrer'] },
    async (_, [say, is]) => {
      const port = await serve(async (_request, response, verify) => {
        await verify()
        say(response)
      })
      const response = await sendRaw(port, inQuery())
      expect(response.status).toBe(200)
      expect(valuesOf(response, 'cache-control')).toEqual(is)
      expect(valuesOf(response, 'referrer-policy')).toEqual(['no-referrer'])
    },
  )

  test('a credential in a header leaves the caching rules to the handler', async () => {
    const port = await serve(async (_request, response, verify) => {
      await verify()
      response.setHeader('Cache-Control', 'public').end()
    })
    const response = await sendRaw(port, get())
    expect(valuesOf(response, 'cache-control')).toEqual(['public'])
    expect(valuesOf(response, 'referrer-policy')).toEqual([])
  })

  test('every cookie of a list of headers survives', async () => {
    const port = await serve(async (_request, response, verify) => {
      await verify()
      response.writeHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']).end()
    })
    const response = await sendRaw(port, inQuery())
    expect(valuesOf(response, 'set-cookie')).toEqual(['a=1', 'b=2'])
  })
})

describe('headers of an accepted request', () => {
  test(
    'come back when a framework clears them for an error',
    { tags: ['answer-query-error'] },
    async () => {
      const port = await serve(async (_request, response, verify) => {
        await verify()
        for (const name of response.getHeaderNames()) response.removeHeader(name)
        response.writeHead(500).end()
      })
      const response = await sendRaw(port, inQuery())
      expect(valuesOf(response, 'cache-control')).toEqual(['private'])
      expect(valuesOf(response, 'referrer-policy')).toEqual(['no-referrer'])
    },
  )

  test(
    'give way to a stricter Cache-Control of the handler, and to nothing else',
    { tags: ['answer-query-private', 'answer-query-referrer'] },
    async () => {
      const port = await serve(async (_request, response, verify) => {
        await verify()
        response.writeHead(200, { 'cache-control': 'no-store', 'referrer-policy': 'origin' }).end()
      })
      const response = await sendRaw(port, inQuery())
      expect(valuesOf(response, 'cache-control')).toEqual(['no-store'])
      expect(valuesOf(response, 'referrer-policy')).toEqual(['no-referrer'])
    },
  )

  test('stand beside lists of headers in which a value is a list', async () => {
    const port = await serve(async (_request, response, verify) => {
      await verify()
      const list = ['Set-Cookie', ['a=1', 'b=2'], 'X-Y', 'z']
      response.writeHead(200, list as never).end()
    })
    const response = await sendRaw(port, inQuery())
    expect([response.status, valuesOf(response, 'set-cookie'), valuesOf(response, 'x-y')]).toEqual([
      200,
      ['a=1', 'b=2'],
      ['z'],
    ])
    expect(valuesOf(response, 'cache-control')).toEqual(['private'])
  })

  test('include the nonce that a client needs next', async () => {
    const port = await serve(
      async (_request, response, verify) => {
        await verify()
        for (const name of response.getHeaderNames()) response.removeHeader(name)
        response.writeHead(500).end()
      },
      { nonce: { required: false } },
    )
    const response = await sendRaw(port, get())
    expect(valuesOf(response, 'authentication-info')[0]).toMatch(/^PoP nextnonce="/)
  })
})

test(
  'a refusal that comes when the response is under way is still that refusal',
  { tags: ['attack-208'] },
  async () => {
    const seen: unknown[] = []
    const port = await serve(async (_request, response, verify) => {
      response.writeHead(200, { 'content-length': 4 }).write('ea')
      seen.push(await verify().catch((error: unknown) => error))
      response.end('rl')
    })
    expect((await sendRaw(port, get('/other'))).body).toBe('earl')
    expect(seen).toMatchObject([{ code: 'ERR_POP_PATH_MISMATCH' }])
  },
)

describe('what the parser of Node refuses', () => {
  async function send(change: Partial<RawRequest>): Promise<readonly [number, number]> {
    let handled = 0
    const port = await serve(async (_request, response, verify) => {
      handled += 1
      await verify()
      response.end()
    })
    const { status } = await sendRaw(port, { ...get(), ...change })
    return [status, handled]
  }

  test.each([
    ['a folded line', 'a\r\n b'],
    ['NUL', 'a\0b'],
    ['a bare CR', 'a\rb'],
    ['a bare LF', 'a\nb'],
  ])('never arrives: %s in the headers', { tags: ['attack-29'] }, async (_, value) => {
    const headers: RawRequest['headers'] = [...get().headers, ['X-Odd', value]]
    expect(await send({ headers })).toEqual([400, 0])
  })

  test.each([
    ['a space', '/it ems'],
    ['a tab', '/it\tems'],
    ['NUL', '/it\0ems'],
    ['a byte beyond ASCII', '/it\u00e9ms'],
  ])('never arrives: %s in the target', { tags: ['attack-48'] }, async (_, target) => {
    expect(await send(get(target, { p: target }))).toEqual([400, 0])
  })
})

test(
  'a header that is called like a member of every object is one like any other',
  { tags: ['attack-30'] },
  async () => {
    const port = await serve(async (_request, response, verify) => {
      await verify()
      response.end()
    })
    const odd = ['__proto__', 'constructor'].map((name): [string, string] => [name, 'x'])
    expect((await sendRaw(port, { ...get(), headers: [...odd, ...get().headers] })).status).toBe(
      200,
    )
  },
)

describe('the body behind the verification', () => {
  test('arrives whole at whoever reads it, in whatever pieces it came', async () => {
    const port = await serve(async (request, response, verify) => {
      await verify()
      response.end(hashOf(await readBody(request)))
    })
    const sizes = fc.record({
      length: fc.integer({ min: 0, max: 5000 }),
      chunk: fc.option(fc.integer({ min: 1, max: 2000 }), { nil: undefined }),
      piece: fc.integer({ min: 200, max: 3000 }),
    })
    await fc.assert(
      fc.asyncProperty(sizes, async ({ length, chunk, piece }) => {
        const body = Buffer.alloc(length, 'abcdefg')
        const change = chunk === undefined ? {} : { chunkBytes: chunk }
        const response = await sendInPieces(port, post(body, change), piece)
        expect([response.status, response.body]).toEqual([200, hashOf(body)])
      }),
      { numRuns: 60 },
    )
  })

  test('is not held back when nothing needs it', async () => {
    const port = await serve(async (request, response, verify) => {
      await verify()
      response.end(String((await readBody(request)).length))
    })
    const unsigned = { ...get('/items', { m: 'POST' }), method: 'POST', body: Buffer.alloc(5000) }
    expect((await sendRaw(port, unsigned)).body).toBe('5000')
  })

  test('that has arrived whole before anyone asks is read all the same', async () => {
    const port = await serve(async (request, response, verify) => {
      while (!request.complete) await new Promise(setImmediate)
      await verify()
      response.end(hashOf(await readBody(request)))
    })
    const body = Buffer.from('abcd')
    expect((await sendRaw(port, post(body))).body).toBe(hashOf(body))
    const wrong = { ...post(body), body: Buffer.from('abce') }
    expect((await sendRaw(port, wrong)).status).toBe(401)
  })

  test('of a refused request is still there for an error handler', async () => {
    const port = await serve(async (request, response, verify) => {
      const error: unknown = await verify().catch((reason: unknown) => reason)
      const code = error instanceof PopError ? error.code : 'passes'
      response.end(`${code} ${(await readBody(request)).toString()}`)
    })
    const wrong = { ...post(Buffer.from('abcd')), body: Buffer.from('abce') }
    expect((await sendRaw(port, wrong)).body).toBe('ERR_POP_BODY_MISMATCH abce')
  })

  test('that somebody wants as text is a wiring error, never a crash', async () => {
    const port = await serve(async (request, response, verify) => {
      request.setEncoding('utf8')
      await new Promise((resolve) => setTimeout(resolve, 30))
      await verify()
      response.end()
    })
    const pieces = sendInPieces(port, post(Buffer.alloc(3000, 0x61)), 500)
    expect((await pieces).status).toBe(500)
  })

  test('that says it is too long is refused before it comes', async () => {
    const handle: Handle = async (_request, response, verify) => {
      await verify()
      response.end()
    }
    const port = await serve(handle, { maxBodyBytes: 2000 })
    const half = post(Buffer.alloc(2001), { truncate: true })
    expect((await sendRaw(port, half)).status).toBe(413)
  })

  test(
    'that somebody has begun to read is a wiring error, never a skip',
    { tags: ['attack-179', 'answer-wiring'] },
    async () => {
      const port = await serve(async (request, response, verify) => {
        request.resume()
        await verify()
        response.end()
      })
      expect((await sendRaw(port, post(Buffer.from('abcd')))).status).toBe(500)
    },
  )

  test.each([
    ['exactly the limit', 2000, 200],
    ['a byte over the limit', 2001, 413],
  ])('of %s', { tags: ['answer-body-too-large'] }, async (_, length, status) => {
    const handle: Handle = async (request, response, verify) => {
      await verify()
      response.end(String((await readBody(request)).length))
    }
    const port = await serve(handle, { maxBodyBytes: 2000 })
    for (const change of [{}, { chunkBytes: 150 }]) {
      const response = await sendInPieces(port, post(Buffer.alloc(length), change), 512)
      expect(response.status).toBe(status)
      expect(valuesOf(response, 'connection')).toEqual([status === 413 ? 'close' : 'keep-alive'])
    }
  })
})

describe('one verification for a request', () => {
  test(
    'is shared by everyone who asks, at once or later',
    { tags: ['rule-one-verification'] },
    async () => {
      const port = await serve(async (_request, response, verify) => {
        const [first, second] = await Promise.all([verify(), verify()])
        const third = await verify()
        response.end(String(first !== undefined && first === second && first === third))
      })
      expect((await sendRaw(port, get())).body).toBe('true')
    },
  )

  test('sets its headers once, so that a handler may tighten them in between', async () => {
    const port = await serve(async (_request, response, verify) => {
      await verify()
      response.setHeader('Cache-Control', 'no-store')
      await verify()
      response.end()
    })
    expect(valuesOf(await sendRaw(port, inQuery()), 'cache-control')).toEqual(['no-store'])
  })

  test('of an anonymous request is refused, whatever every object inherits', async () => {
    const port = await serve(async (_request, response, verify) => {
      await verify()
      response.end('passes')
    })
    Object.defineProperty(Object.prototype, 'optional', { value: true, configurable: true })
    try {
      const headers: RawRequest['headers'] = [['Host', 'api.example.com']]
      expect((await sendRaw(port, { method: 'GET', target: '/items', headers })).status).toBe(401)
    } finally {
      Reflect.deleteProperty(Object.prototype, 'optional')
    }
  })

  test(
    'of an anonymous request is anonymous for everyone who asks, where that may be',
    { tags: ['rule-optional'] },
    async () => {
      const handle: Handle = async (request, response, verify) => {
        const answers = [await verify(), await verify()].map((token) => typeof token)
        const context = await contextOf(request, response)
        response.end([...answers, typeof context, typeof context?.accessToken].join())
      }
      const anonymous: RawRequest = {
        method: 'GET',
        target: '/items',
        headers: [['Host', 'api.example.com']],
      }
      const port = await serve(handle, { optional: true })
      expect((await sendRaw(port, anonymous)).body).toBe('undefined,undefined,object,undefined')
      expect((await sendRaw(await serve(handle), anonymous)).status).toBe(401)
    },
  )

  test('stays a refusal for everyone who asks', { tags: ['rule-one-verification'] }, async () => {
    const port = await serve(async (_request, response, verify) => {
      const outcomes = await Promise.allSettled([verify(), verify()])
      outcomes.push(...(await Promise.allSettled([verify()])))
      response.end(outcomes.map(({ status }) => status).join())
    })
    expect((await sendRaw(port, get('/other'))).body).toBe('rejected,rejected,rejected')
  })

  test(
    'is not done again by another verifier, whether the first accepted or refused',
    { tags: ['rule-two-verifiers'] },
    async () => {
      const other = createProtection({ ...options, realm: 'other' })
      const port = await serve(async (_request, response, verify) => {
        await verify().catch(() => undefined)
        const error: unknown = await verify(other).catch((reason: unknown) => reason)
        response.end(error instanceof PopError ? error.code : 'passes')
      })
      expect((await sendRaw(port, get())).body).toBe('ERR_POP_TWO_VERIFIERS')
      expect((await sendRaw(port, get('/other'))).body).toBe('ERR_POP_TWO_VERIFIERS')
    },
  )

  test(
    'is kept where a logged request does not show it',
    { tags: ['rule-result-token-hidden'] },
    async () => {
      const port = await serve(async (request, response, verify) => {
        await verify()
        const accessToken = (await contextOf(request, response))?.accessToken
        const held = accessToken?.token === alice.accessToken
        const printed = inspect(request, { depth: 4 }) + inspect(accessToken)
        const shown = /oauth-pop|ERR_POP/.test(printed) || printed.includes(alice.accessToken)
        response.end(JSON.stringify({ held, shown }))
      })
      expect(JSON.parse((await sendRaw(port, get())).body)).toEqual({ held: true, shown: false })
    },
  )

  test('that never ran leaves guards without context', async () => {
    const port = await serve(async (request, response) => {
      response.end(typeof (await contextOf(request, response)))
    })
    expect((await sendRaw(port, get())).body).toBe('undefined')
  })
})

describe('a request that no socket feeds', () => {
  /** As bridges to serverless platforms make it: a whole body, pushed when somebody reads. */
  function makeRequest(body: Buffer, claims: Record<string, unknown>): IncomingMessage {
    const { headers } = get('/items', { m: 'POST', ...claims })
    const request = new IncomingMessage(new Socket())
    const named = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]))
    Object.assign(request, {
      method: 'POST',
      url: '/items',
      complete: true,
      headers: named,
      rawHeaders: headers.flat(),
      _read(this: IncomingMessage) {
        this.push(body)
        this.push(null)
      },
    })
    return request
  }
  async function verifyIt(request: IncomingMessage): Promise<string> {
    const view = { target: '/items', origin: () => apiUrl }
    return outcomeOf(createProtection(options).verify(request, new ServerResponse(request), view))
  }

  test('has its whole body hashed, not the none that has come so far', async () => {
    const body = Buffer.from('{"amount":1000000}')
    expect(await verifyIt(makeRequest(body, { b: hashOf(body) }))).toBe('accepted')
    expect(await verifyIt(makeRequest(body, { b: hashOf('') }))).toBe('ERR_POP_BODY_MISMATCH')
  })

  test(
    'and hides its raw headers is refused, even where a credential is optional',
    { tags: ['rule-only-http'] },
    async () => {
      const request = makeRequest(Buffer.alloc(0), {})
      request.rawHeaders = []
      const view = { target: '/items', origin: () => apiUrl }
      const protection = createProtection({ ...options, optional: true })
      const verification = protection.verify(request, new ServerResponse(request), view)
      expect(await outcomeOf(verification)).toBe('ERR_POP_CONTEXT_UNSUPPORTED')
    },
  )
})

describe('a verification that is prepared ahead of parsers', () => {
  /** Prepares, reads the whole body as a parser would, and only then asks. */
  async function servePrepared(own: Partial<AdapterOptions> = {}): Promise<number> {
    const protection = createProtection({ ...options, ...own })
    const view = { target: '/items', origin: () => apiUrl }
    const handle: Handle = async (request, response, verify) => {
      await protection.prepare(request, response, view)
      const early = response.getHeaderNames()
      const length = (await readBody(request)).length
      const outcome: unknown = await verify(protection).catch((error: unknown) => error)
      const code = outcome instanceof PopError ? outcome.code : 'accepted'
      response.end(JSON.stringify({ early, length, code }))
    }
    return serve(handle)
  }
  const anonymous: RawRequest = {
    method: 'POST',
    target: '/items',
    headers: [['Host', 'api.example.com']],
  }

  const longForm = (change: Partial<RawRequest>): RawRequest => ({
    ...anonymous,
    headers: [...anonymous.headers, ['Content-Type', 'application/x-www-form-urlencoded']],
    body: Buffer.alloc(70_000, 0x61),
    ...change,
  })

  test.each<[string, () => RawRequest, number, string]>([
    ['is accepted', () => post(Buffer.from('abcd')), 4, 'accepted'],
    ['is absent', () => anonymous, 0, 'ERR_POP_CREDENTIAL_MISSING'],
    [
      'is wrong',
      () => ({ ...post(Buffer.from('abcd')), body: Buffer.from('abce') }),
      4,
      'ERR_POP_BODY_MISMATCH',
    ],
    ['is a long form', () => longForm({}), 70_000, 'ERR_POP_FORM_TOO_LARGE'],
    [
      'is a long form, in chunks',
      () => longForm({ chunkBytes: 1000 }),
      70_000,
      'ERR_POP_FORM_TOO_LARGE',
    ],
  ])(
    'that %s, leaves body and response alone until it is asked',
    async (_, build, length, code) => {
      const port = await servePrepared({ maxBodyBytes: 1000 })
      const response = await sendRaw(port, build())
      expect(JSON.parse(response.body)).toEqual({ early: [], length, code })
      const refused = code !== 'accepted'
      expect(valuesOf(response, 'cache-control')).toEqual(refused ? ['no-store'] : [])
    },
  )

  test.each<[string, Partial<RawRequest>, number]>([
    ['does not end in time', {}, 408],
    ['is too long', { body: Buffer.alloc(1001) }, 413],
    ['is too long, in chunks', { body: Buffer.alloc(1001), chunkBytes: 100 }, 413],
  ])(
    'answers a signed body by itself that %s, since a parser would wait for it',
    { timeout: 20_000 },
    async (_, change, status) => {
      const port = await servePrepared({ maxBodyBytes: 1000 })
      const request = post(Buffer.from('abcd'), { truncate: true, ...change })
      const response = await sendRaw(port, request)
      expect(response.status).toBe(status)
      expect(valuesOf(response, 'connection')).toEqual(['close'])
    },
  )
})

describe('HTTP/2', () => {
  async function ask(headers: OutgoingHttpHeaders, body?: Buffer): Promise<string> {
    const protection = createProtection(options)
    const server = createHttp2Server((request, response) => {
      const view = { target: request.url, origin: () => apiUrl }
      // The compatibility API has the shape that adapters hand on.
      const [incoming, outgoing] = [request, response] as unknown as [
        IncomingMessage,
        ServerResponse,
      ]
      protection.verify(incoming, outgoing, view).then(
        () => response.end('accepted'),
        (error: unknown) => response.end(error instanceof PopError ? error.code : String(error)),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      return (await sendHttp2(addressOf(server).port, headers, body)).body
    } finally {
      server.close()
    }
  }
  const signed = (): OutgoingHttpHeaders => ({
    authorization: `PoP ${signPop(alice, clock.seconds())}`,
  })

  test.each<[string, OutgoingHttpHeaders, string]>([
    ['only :authority', { ':authority': 'api.example.com' }, 'accepted'],
    [
      ':authority and an equal host',
      { ':authority': 'api.example.com', host: 'api.example.com' },
      'accepted',
    ],
    [
      ':authority and another host',
      { ':authority': 'api.example.com', host: 'evil.example' },
      'ERR_POP_HOST_INVALID',
    ],
  ])('%s', { tags: ['attack-51', 'answer-authority-differs'] }, async (_, headers, expected) => {
    expect(await ask({ ...signed(), ...headers })).toBe(expected)
  })

  test('a signed body', async () => {
    const body = Buffer.alloc(100_000, 0x61)
    const claims = { m: 'POST', b: hashOf(body) }
    const headers = (): OutgoingHttpHeaders => ({
      ':method': 'POST',
      authorization: `PoP ${signPop(alice, clock.seconds(), claims)}`,
    })
    expect(await ask(headers(), body)).toBe('accepted')
    expect(await ask(headers(), body.subarray(1))).toBe('ERR_POP_BODY_MISMATCH')
  })
})
