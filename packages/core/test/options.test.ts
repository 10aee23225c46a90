import {
  bearer,
  createVerifier,
  dpop,
  introspectedTokens,
  jwtTokens,
  memoryReplayStore,
  pop,
  storedTokens,
  type VerifierOptions,
} from '@oauth-pop/core'
import { apiUrl, createClock, createHolders, signPop } from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'

const { holder, tokens } = createHolders()

function codeOf(act: () => unknown): unknown {
  try {
    act()
    return 'accepted'
  } catch (error) {
    return error instanceof TypeError ? (error as { code?: string }).code : error
  }
}

describe('options that are wrong fail at start-up', { tags: ['attack-157'] }, () => {
  const valid: VerifierOptions = { publicUrl: apiUrl, tokens }
  const jwt = { issuer: 'https://as.example.com', audience: apiUrl, jwks: { keys: [] } }
  const introspection = {
    endpoint: 'https://as.example.com/i',
    clientId: 'a',
    clientSecret: 'b',
    audience: apiUrl,
  }
  const [missing, unknown, invalid] = ['MISSING', 'UNKNOWN', 'INVALID'].map(
    (kind) => `ERR_POP_OPTION_${kind}`,
  )

  test.each<[string, () => unknown, string | undefined]>([
    ['valid options', () => createVerifier(valid), 'accepted'],
    [
      'undefined means absent',
      () => createVerifier({ ...valid, realm: undefined } as never),
      'accepted',
    ],
    ['no options', () => createVerifier(undefined as never), missing],
    ['no publicUrl', () => createVerifier({ tokens } as never), missing],
    ['no tokens', () => createVerifier({ publicUrl: apiUrl } as never), missing],
    ['an empty list of resolvers', () => createVerifier({ ...valid, tokens: [] }), missing],
    ['a misspelled option', () => createVerifier({ ...valid, maxAgeSecond: 5 } as never), unknown],
    ['an empty list of URLs', () => createVerifier({ ...valid, publicUrl: [] }), invalid],
    [
      'a URL without scheme',
      () => createVerifier({ ...valid, publicUrl: 'api.example.com' }),
      invalid,
    ],
    [
      'a URL of another scheme',
      () => createVerifier({ ...valid, publicUrl: 'ftp://api.example.com' }),
      invalid,
    ],
    ['a URL with a query', () => createVerifier({ ...valid, publicUrl: `${apiUrl}?a=1` }), invalid],
    [
      'a URL with userinfo',
      () => createVerifier({ ...valid, publicUrl: 'https://a:b@api.example.com' }),
      invalid,
    ],
    ['NaN as an age', () => createVerifier({ ...valid, maxAgeSeconds: Number.NaN }), invalid],
    ['an endless age', () => createVerifier({ ...valid, maxAgeSeconds: Infinity }), invalid],
    [
      'an endless tolerance',
      () => createVerifier({ ...valid, clockToleranceSeconds: Infinity }),
      invalid,
    ],
    [
      'a negative tolerance',
      () => createVerifier({ ...valid, clockToleranceSeconds: -1 }),
      invalid,
    ],
    [
      'a tolerance as text',
      () => createVerifier({ ...valid, clockToleranceSeconds: '30' as never }),
      invalid,
    ],
    ['a clock that is no function', () => createVerifier({ ...valid, now: 5 as never }), invalid],
    ['an empty list of schemes', () => createVerifier({ ...valid, schemes: [] }), invalid],
    ['a scheme twice', () => createVerifier({ ...valid, schemes: [pop(), pop()] }), invalid],
    ['a scheme by name', () => createVerifier({ ...valid, schemes: ['pop' as never] }), invalid],
    ['a store without claim', () => createVerifier({ ...valid, replay: {} as never }), invalid],
    [
      'a replay word that does not exist',
      () => createVerifier({ ...valid, replay: 'none' as never }),
      invalid,
    ],
    ...['replay', 'nonce', 'metadata'].flatMap((name) =>
      [null, false, ''].map((value): [string, () => unknown, string | undefined] => [
        `${JSON.stringify(value)} as ${name}, which is not absent`,
        () => createVerifier({ ...valid, [name]: value }),
        name === 'replay' ? invalid : missing,
      ]),
    ),
    ['a realm with a quote', () => createVerifier({ ...valid, realm: 'a"b' }), invalid],
    ['a realm with a comma', () => createVerifier({ ...valid, realm: 'a, b' }), invalid],
    [
      'a short nonce secret',
      () => createVerifier({ ...valid, nonce: { secrets: [new Uint8Array(31)] } }),
      invalid,
    ],
    [
      'a short nonce secret behind a good one',
      () =>
        createVerifier({ ...valid, nonce: { secrets: [new Uint8Array(32), new Uint8Array(31)] } }),
      invalid,
    ],
    [
      'a scheme and something else',
      () => createVerifier({ ...valid, schemes: [pop(), {} as never] }),
      invalid,
    ],
    [
      'introspectedTokens: a fetch that is no function',
      () => introspectedTokens({ ...introspection, fetch: {} as never }),
      invalid,
    ],
    ['no nonce secret', () => createVerifier({ ...valid, nonce: { secrets: [] } }), invalid],
    [
      'a nonce lifetime of nothing',
      () => createVerifier({ ...valid, nonce: { lifetimeSeconds: 0 } }),
      invalid,
    ],
    ['pop: an unknown option', () => pop({ tranports: ['header'] } as never), unknown],
    ['pop: no algorithm', () => pop({ algorithms: [] }), invalid],
    ['pop: alg none', () => pop({ algorithms: ['none'] }), invalid],
    ['pop: a place that does not exist', () => pop({ transports: ['cookie' as never] }), invalid],
    ['pop: a member that does not exist', () => pop({ require: ['x' as never] }), invalid],
    ['pop: a path mode that does not exist', () => pop({ path: 'loose' as never }), invalid],
    ['pop: reusable without the Bearer scheme', () => pop({ dangerouslyReusable: true }), invalid],
    ['pop: a flag as text', () => pop({ bearerScheme: 'false' as never }), invalid],
    ['pop: a key that is no function', () => pop({ resolveKey: {} as never }), invalid],
    ['dpop: a symmetric algorithm', () => dpop({ algorithms: ['HS256'] }), invalid],
    ['dpop: a negative length', () => dpop({ maxProofLength: -1 }), invalid],
    ['jwtTokens: no issuer', () => jwtTokens({ ...jwt, issuer: undefined } as never), missing],
    ['jwtTokens: no audience', () => jwtTokens({ ...jwt, audience: undefined } as never), missing],
    ['jwtTokens: an empty audience', () => jwtTokens({ ...jwt, audience: [] }), invalid],
    [
      'jwtTokens: no keys, and an issuer that is no URL',
      () => jwtTokens({ ...jwt, issuer: 'as', jwks: undefined } as never),
      invalid,
    ],
    [
      'jwtTokens: keys that are no set',
      () => jwtTokens({ ...jwt, jwks: { keys: 'x' } as never }),
      invalid,
    ],
    [
      'jwtTokens: keys over plain http',
      () => jwtTokens({ ...jwt, jwks: 'http://as.example.com/jwks' }),
      invalid,
    ],
    [
      'jwtTokens: keys over http on loopback',
      () => jwtTokens({ ...jwt, jwks: 'http://127.0.0.1/jwks' }),
      'accepted',
    ],
    [
      'jwtTokens: a symmetric algorithm',
      () => jwtTokens({ ...jwt, algorithms: ['HS256'] }),
      invalid,
    ],
    ['introspectedTokens: valid', () => introspectedTokens(introspection), 'accepted'],
    [
      'introspectedTokens: plain http',
      () => introspectedTokens({ ...introspection, endpoint: 'http://as.example.com/i' }),
      invalid,
    ],
    [
      'introspectedTokens: an empty secret',
      () => introspectedTokens({ ...introspection, clientSecret: '' }),
      invalid,
    ],
    [
      'introspectedTokens: no audience',
      () => introspectedTokens({ ...introspection, audience: undefined } as never),
      missing,
    ],
    [
      'introspectedTokens: any audience, asked for',
      () =>
        introspectedTokens({
          ...introspection,
          audience: undefined,
          dangerouslyAnyAudience: true,
        } as never),
      'accepted',
    ],
    ['storedTokens: no lookup', () => storedTokens(undefined as never, { audience: 'a' }), missing],
    ['storedTokens: no audience', () => storedTokens(() => undefined, {} as never), missing],
    ['memoryReplayStore: a fraction', () => memoryReplayStore({ maxEntries: 1.5 }), invalid],
  ])(
    '%s',
    { tags: ['attack-127', 'rule-options-unknown', 'rule-options-numbers', 'rule-options-empty'] },
    (_, act, outcome) => {
      expect(codeOf(act)).toBe(outcome)
    },
  )

  test('the message says what to write', () => {
    expect(() => createVerifier({ tokens } as never)).toThrow(
      /publicUrl: 'https:\/\/api\.example\.com'/,
    )
    expect(() => pop({ tranports: [] } as never)).toThrow(/"tranports".*transports/)
  })
})

describe('options after start-up', () => {
  const clock = createClock()

  async function accepts(
    verifier: ReturnType<typeof createVerifier>,
    header: object = {},
  ): Promise<boolean> {
    const proof = signPop(holder(), clock.seconds(), {}, header)
    const rawHeaders = ['Host', 'api.example.com', 'Authorization', `PoP ${proof}`]
    return verifier.verify({ method: 'GET', target: '/items', rawHeaders }).then(
      () => true,
      () => false,
    )
  }

  test('cannot be changed any more', { tags: ['attack-210', 'rule-options-frozen'] }, async () => {
    const algorithms = ['RS256']
    const schemes = [pop({ algorithms })]
    const options = { publicUrl: [apiUrl], tokens: [tokens], schemes, now: clock.now }
    const verifier = createVerifier(options)
    algorithms.push('ES256')
    schemes.push(bearer())
    options.publicUrl[0] = 'https://evil.example'
    expect(await accepts(verifier)).toBe(false)
  })

  test(
    'count as they were given, whatever becomes of the lists',
    { tags: ['attack-210'] },
    async () => {
      const algorithms = ['ES256']
      const transports: 'header'[] = ['header']
      const schemes = [pop({ algorithms, transports })]
      const options = { publicUrl: [apiUrl], tokens: [tokens], schemes, now: clock.now }
      const verifier = createVerifier(options)
      for (const list of [algorithms, transports, schemes, options.publicUrl, options.tokens]) {
        list.length = 0
      }
      expect(await accepts(verifier)).toBe(true)
    },
  )

  test(
    'do not come from a polluted prototype',
    { tags: ['attack-209', 'rule-options-frozen'] },
    () => {
      const polluted = Object.prototype as Record<string, unknown>
      polluted['replay'] = 'dangerously-none'
      polluted['dangerouslyReusable'] = true
      polluted['audience'] = apiUrl
      try {
        expect(codeOf(() => pop({ bearerScheme: false }))).toBe('accepted')
        expect(codeOf(() => createVerifier({ publicUrl: apiUrl, tokens }))).toBe('accepted')
        expect(codeOf(() => storedTokens(() => undefined, {} as never))).toBe(
          'ERR_POP_OPTION_MISSING',
        )
      } finally {
        delete polluted['audience']
        delete polluted['replay']
        delete polluted['dangerouslyReusable']
      }
    },
  )
})
