import {
  bearer,
  createVerifier,
  dpop,
  pop,
  PopError,
  type HttpRequest,
  type Scheme,
} from '@oauth-pop/core'
import { apiUrl, createClock, createHolders, outcomeOf, signPop } from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'

const clock = createClock()
const { holder, tokens } = createHolders()
const alice = holder()
const formType = ['Content-Type', 'application/x-www-form-urlencoded']
const host = ['Host', 'api.example.com']

function verifierOf(schemes: readonly Scheme[] = [pop(), dpop()]): {
  verify: (request: HttpRequest) => Promise<string>
  refuse: (request: HttpRequest) => Promise<PopError>
} {
  const verifier = createVerifier({ publicUrl: apiUrl, tokens, schemes, now: clock.now })
  return {
    verify: (request) => outcomeOf(verifier.verify(request)),
    async refuse(request) {
      const error: unknown = await verifier.verify(request).catch((reason: unknown) => reason)
      if (error instanceof PopError) return error
      throw new Error('was not refused')
    },
  }
}

function signed(method = 'POST'): string {
  return signPop(alice, clock.seconds(), { m: method })
}

function post(change: Partial<HttpRequest>): HttpRequest {
  return { method: 'POST', target: '/items', rawHeaders: [...host, ...formType], ...change }
}

function bodyOf(text: string): { body: (limit?: number) => Promise<Uint8Array> } {
  return {
    async body(limit = Infinity) {
      if (text.length > limit) throw new PopError('ERR_POP_BODY_TOO_LARGE')
      return Buffer.from(text)
    },
  }
}

describe('a header credential', () => {
  test.each<[string, string, string]>([
    ['16384 characters', `PoP ${'A'.repeat(16_384)}`, 'ERR_POP_PROOF_MALFORMED'],
    ['16385 characters', `PoP ${'A'.repeat(16_385)}`, 'ERR_POP_CREDENTIAL_TOO_LONG'],
    ['no characters', 'PoP', 'ERR_POP_CREDENTIAL_MALFORMED'],
    ['a scheme that begins alike', 'PoPx abc', 'ERR_POP_CREDENTIAL_MISSING'],
    ['another scheme', 'Bearer abc', 'ERR_POP_CREDENTIAL_MISSING'],
    ['auth-params', 'PoP token="abc"', 'ERR_POP_CREDENTIAL_MALFORMED'],
    ['a second word', 'PoP abc def', 'ERR_POP_CREDENTIAL_MALFORMED'],
    ['a tab', 'PoP\tabc', 'ERR_POP_CREDENTIAL_MALFORMED'],
    ['an octet above 127', 'PoP abc\u00e9', 'ERR_POP_CREDENTIAL_MALFORMED'],
    ['padding in the middle', 'PoP a=b', 'ERR_POP_CREDENTIAL_MALFORMED'],
  ])(
    'of %s',
    {
      tags: [
        'attack-19',
        'attack-28',
        'attack-217',
        'shr-credential-length',
        'shr-token68',
        'shr-scheme-whole-word',
      ],
    },
    async (_, value, expected) => {
      const rawHeaders = [...host, 'Authorization', value]
      const request = { method: 'GET', target: '/items', rawHeaders }
      expect(await verifierOf().verify(request)).toBe(expected)
    },
  )

  test.each([
    ['spaces', ' '],
    ['tabs', '\t'],
    ['commas', ','],
    ['quotes', '"'],
    ['backslashes', '\\'],
    ['equal signs', '='],
    ['dots', '.'],
  ])(
    'of 15000 %s is refused, a hundred times before the test runs out of time',
    { tags: ['attack-110', 'attack-216'] },
    async (_, character) => {
      const { verify } = verifierOf()
      const rawHeaders = [...host, 'Authorization', `PoP a${character.repeat(15_000)}b`]
      const request = { method: 'GET', target: '/items', rawHeaders }
      // Quadratic work on such a value takes most of a second each time.
      for (let round = 0; round < 100; round += 1)
        expect(await verify(request)).not.toBe('accepted')
    },
  )
})

test('a credential in three places is two too many', { tags: ['attack-9'] }, async () => {
  const field = `pop_access_token=${signed()}`
  const rawHeaders = [...host, ...formType, 'Authorization', `PoP ${signed()}`]
  const request = post({ ...bodyOf(field), rawHeaders, target: `/items?${field}` })
  expect(await verifierOf().verify(request)).toBe('ERR_POP_CREDENTIAL_REPEATED')
})

test('odd parameters beside a credential are none', async () => {
  for (const query of ['=x', '[a]=1', '&&', '%zz=%', 'pop_access_tokens=1', 'access_token=1']) {
    const rawHeaders = [...host, 'Authorization', `PoP ${signed('GET')}`]
    const request = { method: 'GET', target: `/items?${query}`, rawHeaders }
    expect([query, await verifierOf().verify(request)]).toEqual([query, 'accepted'])
  }
})

describe('a query credential', () => {
  const verify = (query: string): Promise<string> =>
    verifierOf().verify({ method: 'GET', target: `/items?${query}`, rawHeaders: host })
  const field = (): string => `pop_access_token=${signed('GET')}`

  test.each<[string, () => string, string]>([
    ['alone', field, 'accepted'],
    ['among others', () => `a=1&${field()}&b`, 'accepted'],
    ['with an encoded name', () => field().replaceAll('_', '%5f'), 'accepted'],
    ['with an empty value', () => 'pop_access_token=', 'ERR_POP_CREDENTIAL_MALFORMED'],
    ['without a value', () => 'pop_access_token', 'ERR_POP_CREDENTIAL_MALFORMED'],
    ['twice', () => `${field()}&${field()}`, 'ERR_POP_CREDENTIAL_REPEATED'],
    ['beside a bare name', () => `${field()}&pop_access_token`, 'ERR_POP_CREDENTIAL_REPEATED'],
    ['with brackets', () => field().replace('=', '[]='), 'ERR_POP_CREDENTIAL_MALFORMED'],
    [
      'with encoded brackets beside a plain one',
      () => `${field()}&pop_access_token%5Bx%5D=1`,
      'ERR_POP_CREDENTIAL_REPEATED',
    ],
    ['in other letters', () => field().toUpperCase(), 'ERR_POP_CREDENTIAL_MISSING'],
    [
      'below __proto__',
      () => field().replace('pop_access_token', '__proto__[pop_access_token]'),
      'ERR_POP_CREDENTIAL_MISSING',
    ],
    ['after a second question mark', () => `a=1?${field()}`, 'ERR_POP_CREDENTIAL_MISSING'],
  ])('%s', { tags: ['attack-24'] }, async (_, query, expected) => {
    expect(await verify(query())).toBe(expected)
  })
})

describe('a form credential', () => {
  const field = (): string => `a=1&pop_access_token=${signed()}`
  const typed = (...headers: readonly string[]): Partial<HttpRequest> => ({
    rawHeaders: [...host, ...headers],
  })

  test.each<[string, Partial<HttpRequest>, string]>([
    ['as usual', {}, 'accepted'],
    [
      'a type in other letters',
      typed('Content-Type', 'Application/X-WWW-Form-URLencoded'),
      'accepted',
    ],
    [
      'charset utf-8',
      typed('Content-Type', 'application/x-www-form-urlencoded; charset=UTF-8'),
      'accepted',
    ],
    [
      'a quoted charset',
      typed('Content-Type', 'application/x-www-form-urlencoded;charset="us-ascii"'),
      'accepted',
    ],
    [
      'a parameter that is no charset',
      typed('Content-Type', 'application/x-www-form-urlencoded; boundary=x'),
      'accepted',
    ],
    [
      'charset utf-16',
      typed('Content-Type', 'application/x-www-form-urlencoded; charset=utf-16'),
      'ERR_POP_FORM_INVALID',
    ],
    [
      'a type beside another',
      typed(...formType, 'Content-Type', 'text/plain'),
      'ERR_POP_FORM_INVALID',
    ],
    ['the same type twice', typed(...formType, ...formType), 'ERR_POP_FORM_INVALID'],
    [
      'a type that only mentions forms',
      typed('Content-Type', 'text/plain; x=application/x-www-form-urlencoded'),
      'ERR_POP_CREDENTIAL_MISSING',
    ],
    ['no type', typed(), 'ERR_POP_CREDENTIAL_MISSING'],
    ['coding identity', typed(...formType, 'Content-Encoding', 'Identity'), 'accepted'],
    ['coding gzip', typed(...formType, 'Content-Encoding', 'gzip'), 'ERR_POP_CREDENTIAL_MISSING'],
    ['method GET', { method: 'GET' }, 'ERR_POP_CREDENTIAL_MISSING'],
    ['method HEAD', { method: 'HEAD' }, 'ERR_POP_CREDENTIAL_MISSING'],
  ])(
    '%s',
    { tags: ['attack-20', 'attack-22', 'shr-form-urlencoded'] },
    async (_, change, expected) => {
      expect(await verifierOf().verify(post({ ...bodyOf(field()), ...change }))).toBe(expected)
    },
  )

  test.each<[string, () => unknown, string]>([
    ['one string', () => ({ a: '1', pop_access_token: signed() }), 'accepted'],
    [
      'a null prototype',
      () => Object.assign(Object.create(null), { pop_access_token: signed() }),
      'accepted',
    ],
    ['no such field', () => ({ a: '1' }), 'ERR_POP_CREDENTIAL_MISSING'],
    [
      'a field in other letters',
      () => ({ POP_ACCESS_TOKEN: signed() }),
      'ERR_POP_CREDENTIAL_MISSING',
    ],
    [
      'an inherited field',
      () => Object.create({ pop_access_token: signed() }),
      'ERR_POP_CREDENTIAL_MISSING',
    ],
    ['nothing', () => undefined, 'ERR_POP_CREDENTIAL_MISSING'],
    ['null', () => null, 'ERR_POP_CREDENTIAL_MISSING'],
    ['text', () => `pop_access_token=${signed()}`, 'ERR_POP_CREDENTIAL_MISSING'],
    ['a list', () => ({ pop_access_token: [signed()] }), 'ERR_POP_CREDENTIAL_MALFORMED'],
    ['an object', () => ({ pop_access_token: { x: signed() } }), 'ERR_POP_CREDENTIAL_MALFORMED'],
    ['a number', () => ({ pop_access_token: 1 }), 'ERR_POP_CREDENTIAL_MALFORMED'],
    ['an empty string', () => ({ pop_access_token: '' }), 'ERR_POP_CREDENTIAL_MALFORMED'],
    [
      'brackets in the name',
      () => ({ 'pop_access_token[x]': signed() }),
      'ERR_POP_CREDENTIAL_MALFORMED',
    ],
    [
      'a second one with brackets',
      () => ({ pop_access_token: signed(), 'pop_access_token[]': 'x' }),
      'ERR_POP_CREDENTIAL_REPEATED',
    ],
  ])(
    'that a parser has read, as %s',
    { tags: ['attack-23', 'attack-24'] },
    async (_, parsedForm, expected) => {
      expect(await verifierOf().verify(post({ parsedForm: parsedForm() }))).toBe(expected)
    },
  )

  test('is not looked for where only the header is enabled, nor is the body read for it', async () => {
    const { verify } = verifierOf([pop({ transports: ['header'] })])
    const body = (): Promise<never> => Promise.reject(new Error('was read'))
    expect(await verify(post({ body }))).toBe('ERR_POP_CREDENTIAL_MISSING')
  })

  test(
    'a form that is too long is refused, unless there is a credential already',
    { tags: ['attack-215', 'answer-form-too-large'] },
    async () => {
      const long = bodyOf('a'.repeat(65_537))
      const { verify } = verifierOf()
      expect(await verify(post(bodyOf('a'.repeat(65_536))))).toBe('ERR_POP_CREDENTIAL_MISSING')
      expect(await verify(post(long))).toBe('ERR_POP_FORM_TOO_LARGE')
      const authorization = ['Authorization', `PoP ${signed()}`]
      const rawHeaders = [...host, ...formType, ...authorization]
      expect(await verify(post({ ...long, rawHeaders }))).toBe('accepted')
      const target = `/items?pop_access_token=${signed()}`
      expect(await verify(post({ ...long, target }))).toBe('accepted')
    },
  )

  test('a body that fails is answered in the words of the credential that is there', async () => {
    const body = (): Promise<never> => Promise.reject(new PopError('ERR_POP_BODY_ABORTED'))
    const authorization = ['Authorization', 'DPoP abc', 'DPoP', 'abc']
    const { headers } = await verifierOf().refuse(
      post({ body, rawHeaders: [...host, ...formType, ...authorization] }),
    )
    expect(headers['www-authenticate']).toMatch(/^DPoP realm=.* error="invalid_request"/)
  })

  test('a body that fails for a reason of its own is a fault, not a missing credential', async () => {
    const body = (): Promise<never> => Promise.reject(new Error('disk'))
    expect(await verifierOf().verify(post({ body }))).toBe('ERR_POP_INTERNAL')
  })
})

describe('the host of a request', () => {
  const ask = (names: readonly string[], authority?: string): Promise<string> => {
    const lines = names.flatMap((name) => ['Host', name])
    const authorization = ['Authorization', `PoP ${signPop(alice, clock.seconds())}`]
    return verifierOf().verify({
      method: 'GET',
      target: '/items',
      rawHeaders: [...lines, ...authorization],
      ...(authority !== undefined && { authority }),
    })
  }

  test.each<[string, readonly string[], string | undefined, string]>([
    ['one name', ['api.example.com'], undefined, 'accepted'],
    ['a name with a port', ['api.example.com:8080'], undefined, 'accepted'],
    ['an IPv6 address', ['[::1]:80'], undefined, 'accepted'],
    ['no name', [], undefined, 'ERR_POP_HOST_INVALID'],
    ['an empty name', [''], undefined, 'ERR_POP_HOST_INVALID'],
    ['two equal names', ['a.example', 'a.example'], undefined, 'ERR_POP_HOST_INVALID'],
    ['userinfo', ['a@b.example'], undefined, 'ERR_POP_HOST_INVALID'],
    ['a path', ['a.example/x'], undefined, 'ERR_POP_HOST_INVALID'],
    ['a query', ['a.example?x'], undefined, 'ERR_POP_HOST_INVALID'],
    ['a list', ['a.example, b.example'], undefined, 'ERR_POP_HOST_INVALID'],
    ['a long port', ['a.example:100000'], undefined, 'ERR_POP_HOST_INVALID'],
    ['only :authority', [], 'api.example.com', 'accepted'],
    ['both, equal but for the case', ['api.example.com'], 'API.example.com', 'accepted'],
    ['both, different', ['api.example.com'], 'b.example', 'ERR_POP_HOST_INVALID'],
    ['an odd :authority', [], 'a@b.example', 'ERR_POP_HOST_INVALID'],
  ])(
    '%s',
    {
      tags: [
        'attack-36',
        'attack-37',
        'attack-38',
        'attack-39',
        'attack-51',
        'answer-host-invalid',
        'answer-authority-differs',
      ],
    },
    async (_, names, authority, expected) => {
      expect(await ask(names, authority)).toBe(expected)
    },
  )
})

describe('a credential of a scheme that is not enabled', () => {
  test.each<[string, readonly Scheme[], string, string]>([
    ['PoP where only DPoP is', [dpop()], 'PoP', 'ERR_POP_CREDENTIAL_MISSING'],
    ['Bearer where it is', [bearer()], 'Bearer', 'ERR_POP_TOKEN_UNKNOWN'],
    [
      'PoP in the header where only the query is',
      [pop({ transports: ['query'] })],
      'PoP',
      'ERR_POP_CREDENTIAL_MISSING',
    ],
  ])(
    '%s',
    { tags: ['answer-scheme-disabled', 'shr-transports-narrowed'] },
    async (_, schemes, word, expected) => {
      const rawHeaders = [...host, 'Authorization', `${word} ${signed('GET')}`]
      const request = { method: 'GET', target: '/items', rawHeaders }
      expect(await verifierOf(schemes).verify(request)).toBe(expected)
    },
  )
})

test(
  'a Bearer token beside a DPoP header is named in the evidence',
  { tags: ['answer-scheme-disabled'] },
  async () => {
    const verifier = createVerifier({ publicUrl: apiUrl, tokens: createHolders().tokens })
    const ask = async (...rawHeaders: string[]): Promise<unknown> => {
      const request = {
        method: 'GET',
        target: '/',
        rawHeaders: ['Host', 'api.example.com', ...rawHeaders],
      }
      const refusal: unknown = await verifier.verify(request).catch((error: unknown) => error)
      return (refusal as PopError).cause
    }
    expect(await ask('Authorization', 'Bearer secret', 'DPoP', 'proof')).toEqual({
      member: 'authorization',
      expected: 'DPoP',
      actual: 'Bearer beside a DPoP header',
    })
    expect(await ask('Authorization', 'Bearer secret')).toBeUndefined()
    expect(await ask('DPoP', 'proof')).toBeUndefined()
  },
)

test('evidence that cannot be had for headers of no sense is a refusal all the same', async () => {
  const verifier = createVerifier({ publicUrl: apiUrl, tokens })
  const headers: unknown[] = [
    'Host',
    'api.example.com',
    'DPoP',
    [false],
    'Authorization',
    'Bearer x',
  ]
  const request = { method: 'GET', target: '/', rawHeaders: headers as string[] }
  expect(await outcomeOf(verifier.verify(request))).toBe('ERR_POP_INTERNAL')
})
