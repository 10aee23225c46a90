import { createHash } from 'node:crypto'
import {
  bearer,
  createVerifier,
  dpop,
  isPopError,
  mtls,
  pop,
  storedTokens,
  type HttpRequest,
  type MtlsOptions,
  type MtlsProxyOptions,
  type Scheme,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  readCertificate,
  signDpop,
  signPop,
  thumbprintOf,
} from '@oauth-pop/testkit'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'

const alice = readCertificate('alice')
const mallory = readCertificate('mallory')
const bob = readCertificate('bob')
const ca = readCertificate('ca')
const clock = createClock()
const token = 'a-token'

type Peer = ReturnType<NonNullable<HttpRequest['peer']>>

interface Sent {
  readonly cnf?: unknown
  /** Default true. */
  readonly bound?: boolean
  readonly more?: object
  readonly peer?: Peer
  readonly headers?: readonly string[]
  readonly authorization?: readonly string[]
  readonly schemes?: readonly Scheme[]
}

/** The scheme of a request that is accepted; the code and the evidence of a 401 `invalid_token`. */
async function send({
  cnf = { 'x5t#S256': alice.thumbprint },
  bound = true,
  more = {},
  peer,
  headers = [],
  authorization = ['Authorization', `Bearer ${token}`],
  schemes = [mtls()],
}: Sent): Promise<readonly [outcome: string, evidence?: unknown]> {
  const record = { aud: apiUrl, sub: 'alice', ...(bound && { cnf }), ...more }
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens: storedTokens(() => record as never, { audience: apiUrl }),
    schemes,
    now: clock.now,
    replay: 'dangerously-none',
  })
  const rawHeaders = ['Host', 'api.example.com', ...authorization, ...headers]
  const request = { method: 'GET', target: '/items', rawHeaders, ...(peer && { peer: () => peer }) }
  try {
    const { accessToken } = await verifier.verify(request)
    return [accessToken.scheme]
  } catch (error) {
    if (!isPopError(error) || error.status !== 401 || error.error !== 'invalid_token') throw error
    return [error.code, error.cause]
  }
}

const from = (certificate?: Uint8Array): Peer => ({ address: '192.0.2.1', certificate })

describe('a token that is bound to a certificate', { tags: ['mtls-bound'] }, () => {
  test('passes over a connection with that certificate', async () => {
    expect(await send({ peer: from(alice.der) })).toEqual(['mTLS'])
  })

  test.each<[string, Sent, string]>([
    ['another certificate', { peer: from(mallory.der) }, 'ERR_POP_BINDING_OTHER_KEY'],
    ['no certificate', { peer: from() }, 'ERR_POP_CERTIFICATE_MISSING'],
    ['no peer that is known', {}, 'ERR_POP_CERTIFICATE_MISSING'],
    [
      'a certificate with one more byte',
      { peer: from(Buffer.concat([alice.der, Buffer.alloc(1)])) },
      'ERR_POP_BINDING_OTHER_KEY',
    ],
    [
      'its thumbprint in hex',
      {
        cnf: { 'x5t#S256': createHash('sha256').update(alice.der).digest('hex') },
        peer: from(alice.der),
      },
      'ERR_POP_BINDING_OTHER_KEY',
    ],
    [
      'the thumbprint of its PEM',
      {
        cnf: { 'x5t#S256': createHash('sha256').update(alice.cert).digest('base64url') },
        peer: from(alice.der),
      },
      'ERR_POP_BINDING_OTHER_KEY',
    ],
    [
      'an empty thumbprint',
      { cnf: { 'x5t#S256': '' }, peer: from(alice.der) },
      'ERR_POP_BINDING_OTHER_KEY',
    ],
    ...[null, 1, [alice.thumbprint], {}].map((value): [string, Sent, string] => [
      `a thumbprint that is ${JSON.stringify(value)}`,
      { cnf: { 'x5t#S256': value }, peer: from(alice.der) },
      'ERR_POP_CONFIRMATION_INVALID',
    ]),
    [
      'the member x5t',
      { cnf: { x5t: alice.thumbprint }, peer: from(alice.der) },
      'ERR_POP_CONFIRMATION_INVALID',
    ],
    ['no confirmation', { bound: false, peer: from(alice.der) }, 'ERR_POP_TOKEN_UNBOUND'],
    [
      'a DPoP key beside the certificate',
      { cnf: { 'x5t#S256': alice.thumbprint, jkt: 'x'.repeat(43) }, peer: from(alice.der) },
      'ERR_POP_BINDING_OTHER_METHOD',
    ],
    [
      'a PoP key beside the certificate',
      { cnf: { 'x5t#S256': alice.thumbprint, kid: 'k' }, peer: from(alice.der) },
      'ERR_POP_BINDING_OTHER_METHOD',
    ],
    [
      'the token type PoP',
      { more: { token_type: 'PoP' }, peer: from(alice.der) },
      'ERR_POP_BINDING_OTHER_METHOD',
    ],
  ])('is refused with %s', async (_, sent, code) => {
    expect((await send(sent))[0]).toBe(code)
  })

  test('is refused with a key beside its confirmation', async () => {
    const { jwk } = createHolders().holder()
    const more = { access_token_key: jwk }
    expect((await send({ more, peer: from(alice.der) }))[0]).toBe('ERR_POP_BINDING_OTHER_METHOD')
  })

  test('is no bearer token, whichever scheme is named first', async () => {
    for (const schemes of [
      [bearer(), mtls()],
      [mtls(), bearer()],
    ]) {
      expect((await send({ schemes, peer: from() }))[0]).toBe('ERR_POP_CERTIFICATE_MISSING')
      expect(await send({ schemes, peer: from(alice.der) })).toEqual(['mTLS'])
      expect(await send({ schemes, bound: false, peer: from(alice.der) })).toEqual(['Bearer'])
    }
    expect((await send({ schemes: [bearer()], peer: from(alice.der) }))[0]).toBe(
      'ERR_POP_TOKEN_BOUND',
    )
  })
})

describe('a token that is bound to a key and a certificate', { tags: ['mtls-both'] }, () => {
  const { holder } = createHolders()
  const dana = { ...holder('jkt'), accessToken: token }
  const jkt = thumbprintOf(dana.jwk)
  const byDpop = (): readonly string[] => [
    'Authorization',
    `DPoP ${token}`,
    'DPoP',
    signDpop(dana, clock.seconds()),
  ]
  const byPop = (): readonly string[] => ['Authorization', `PoP ${signPop(dana, clock.seconds())}`]
  const x5t = { 'x5t#S256': alice.thumbprint }
  const kinds: [string, () => readonly string[], object][] = [
    ['DPoP', byDpop, { jkt, ...x5t }],
    ['PoP', byPop, { jwk: dana.jwk, ...x5t }],
  ]

  test.each(kinds)('needs both under %s', async (name, authorization, cnf) => {
    const schemes = [mtls(), dpop(), pop()]
    const ask = async (peer: Peer, own = schemes): Promise<string> =>
      (await send({ cnf, peer, schemes: own, authorization: authorization() }))[0]
    expect(await ask(from(alice.der))).toBe(name)
    expect(await ask(from(mallory.der))).toBe('ERR_POP_BINDING_OTHER_KEY')
    expect(await ask(from())).toBe('ERR_POP_CERTIFICATE_MISSING')
    expect(await ask(from(alice.der), [dpop(), pop()])).toBe('ERR_POP_BINDING_OTHER_METHOD')
  })

  test('is refused as Bearer, with the right certificate', async () => {
    const sent = { cnf: { jkt, ...x5t }, peer: from(alice.der), schemes: [mtls(), bearer()] }
    expect((await send(sent))[0]).toBe('ERR_POP_BINDING_OTHER_METHOD')
  })

  test('is refused under DPoP when the key is not the proved one', async () => {
    const cnf = { jkt: 'x'.repeat(43), ...x5t }
    const schemes = [mtls(), dpop()]
    const sent = { cnf, peer: from(alice.der), schemes, authorization: byDpop() }
    expect((await send(sent))[0]).toBe('ERR_POP_BINDING_OTHER_KEY')
  })
})

test('a request that is an instance of a class is asked as a whole', async () => {
  class Arrived implements HttpRequest {
    readonly method = 'GET'
    readonly target = '/items'
    readonly rawHeaders = ['Host', 'api.example.com', 'Authorization', `Bearer ${token}`]
    readonly #peer = from(alice.der)
    peer(): Peer {
      return this.#peer
    }
  }
  const found = (request: HttpRequest): Uint8Array | undefined => request.peer?.().certificate
  for (const scheme of [mtls(), mtls({ proxy: { profile: found, trust: ['192.0.2.1'] } })]) {
    const verifier = createVerifier({
      publicUrl: apiUrl,
      tokens: storedTokens(() => ({ aud: apiUrl, cnf: { 'x5t#S256': alice.thumbprint } }), {
        audience: apiUrl,
      }),
      schemes: [scheme],
    })
    expect((await verifier.verify(new Arrived())).accessToken.scheme).toBe('mTLS')
  }
})

test('a function may find the certificate, and its word counts', async () => {
  const finding = (certificate: unknown): Promise<readonly [string, unknown?]> =>
    send({
      schemes: [mtls({ certificate: () => certificate as Uint8Array })],
      peer: from(mallory.der),
    })
  expect(await finding(alice.der)).toEqual(['mTLS'])
  expect((await finding(undefined))[0]).toBe('ERR_POP_CERTIFICATE_MISSING')
  expect((await finding(null))[0]).toBe('ERR_POP_CERTIFICATE_INVALID')
  expect((await finding(alice.cert))[0]).toBe('ERR_POP_CERTIFICATE_INVALID')
})

test('a function that throws is 500, and says nothing to the client', async () => {
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens: storedTokens(() => ({ aud: apiUrl, cnf: { 'x5t#S256': alice.thumbprint } }), {
      audience: apiUrl,
    }),
    schemes: [
      mtls({
        certificate: () => {
          throw new Error('broken')
        },
      }),
    ],
  })
  const rawHeaders = ['Host', 'api.example.com', 'Authorization', `Bearer ${token}`]
  const asked = verifier.verify({ method: 'GET', target: '/items', rawHeaders })
  await expect(asked).rejects.toMatchObject({
    code: 'ERR_POP_INTERNAL',
    status: 500,
    error: undefined,
  })
})

test('the certificate of a connection is hashed once', async () => {
  const der = Uint8Array.from(alice.der)
  expect(await send({ peer: from(der) })).toEqual(['mTLS'])
  der.fill(0) // no longer read
  expect(await send({ peer: from(der) })).toEqual(['mTLS'])
})

const b64 = Buffer.from(alice.der).toString('base64')
const escaped = encodeURIComponent(alice.cert)
const hex = Buffer.from(alice.thumbprint, 'base64url').toString('hex')
const albLeaf = escaped.replaceAll('%2B', '+').replaceAll('%2F', '/').replaceAll('%3D', '=')
const chain = encodeURIComponent(bob.cert + ca.cert)
const trust = ['10.0.0.0/8']
const hop = { address: '10.1.2.3' }

type ProfileName = Exclude<MtlsProxyOptions['profile'], Function>
/** For each proxy: the header that it writes, what it says beside it, and what goes wrong with it. */
const proxies: Record<
  Extract<ProfileName, string>,
  { header: string; value: string; verdict?: [string, string]; wrong: Record<string, string> }
> = {
  rfc9440: {
    header: 'Client-Cert',
    value: `:${b64}:`,
    wrong: {
      'no colons': b64,
      'one colon': ':',
      'two in a list': `:${b64}:, :${b64}:`,
      parameters: `:${b64}:;a=1`,
      'no padding': `:${b64.replaceAll('=', '')}x:`,
    },
  },
  xfcc: {
    header: 'X-Forwarded-Client-Cert',
    value: `By="spiffe://a,b;c\\"d";Hash=${hex};Subject="CN=alice"`,
    wrong: {
      'two elements': `Hash=${hex},Hash=${hex}`,
      'a second element without a hash': `Hash=${hex};Subject="a",By=b`,
      'an open quote behind it': `Hash=${hex};By="a`,
      'two hashes': `Hash=${hex};hash=${hex}`,
      'no hash': 'By=spiffe://a;Subject="CN=alice"',
      "a hash in another one's quotes": `By="Hash=${hex}"`,
      'an open quote': `By="a;Hash=${hex}`,
      'a short hash': `Hash=${hex.slice(2)}`,
    },
  },
  nginx: {
    header: 'X-SSL-Client-Cert',
    value: escaped,
    verdict: ['X-SSL-Client-Verify', 'SUCCESS'],
    wrong: {
      'text before it': `Bag%20Attributes%0A${escaped}`,
      'text behind it': `${escaped}x`,
      'two certificates': `${escaped}${escaped}`,
      'an open percent sign': `${escaped}%`,
      'form-decoding': escaped.replaceAll('%2B', '%20').replaceAll('%2F', ' '),
      'no end': escaped.replace('-----END%20CERTIFICATE-----', ''),
      'a certificate request': escaped.replaceAll('CERTIFICATE', 'CERTIFICATE%20REQUEST'),
    },
  },
  'aws-alb': {
    header: 'X-Amzn-Mtls-Clientcert-Leaf',
    value: albLeaf,
    wrong: {
      'form-decoding': `-----BEGIN%20CERTIFICATE-----%0A${b64.slice(0, 9)} ${b64.slice(10)}%0A-----END%20CERTIFICATE-----`,
    },
  },
  'aws-alb-passthrough': {
    header: 'X-Amzn-Mtls-Clientcert',
    value: escaped,
    wrong: {
      'a chain in another order': encodeURIComponent(ca.cert + bob.cert),
      'an issuer of somebody else': `${escaped}${encodeURIComponent(ca.cert)}`,
    },
  },
  'google-cloud': {
    header: 'X-Client-Cert-Hash',
    value: Buffer.from(hex, 'hex').toString('base64').replace('=', ''),
    verdict: ['X-Client-Cert-Present', 'true'],
    wrong: { hex: hex, base64url: alice.thumbprint.slice(0, 42) + '_', 'SHA-1': 'A'.repeat(27) },
  },
  azure: {
    header: 'X-ARR-ClientCert',
    value: b64,
    wrong: {
      PEM: escaped,
      'a character that is none of base64': `${b64.slice(0, 9)}!${b64.slice(9)}`,
      spaces: `${b64.slice(0, 9)} ${b64.slice(9)}`,
      'a byte more': Buffer.concat([alice.der, Buffer.alloc(1)]).toString('base64'),
      'a byte less': Buffer.from(alice.der.subarray(1)).toString('base64'),
      'no certificate': Buffer.from('text').toString('base64'),
    },
  },
}

describe.each(Object.entries(proxies))('behind %s', { tags: ['mtls-proxy'] }, (name, proxy) => {
  const { header, value, verdict, wrong } = proxy
  const schemes = [mtls({ proxy: { profile: name as ProfileName, trust } })]
  const ask = (
    headers: readonly string[],
    peer: Peer = hop,
  ): Promise<readonly [string, unknown?]> =>
    send({ schemes, peer, headers: [...headers, ...(verdict ?? [])] })

  test('the certificate that it names counts, and not that of the connection', async () => {
    expect(await ask([header, value])).toEqual(['mTLS'])
    expect(await ask([header, value], { ...hop, certificate: mallory.der })).toEqual(['mTLS'])
    expect((await ask([], { ...hop, certificate: alice.der }))[0]).toBe(
      'ERR_POP_CERTIFICATE_MISSING',
    )
    expect((await ask([header, '']))[0]).toBe('ERR_POP_CERTIFICATE_MISSING')
  })

  test.each(Object.entries(wrong))('%s is refused, and named', async (_, bad) => {
    const [code, evidence] = await ask([header, bad])
    expect(code).toBe('ERR_POP_CERTIFICATE_INVALID')
    expect(evidence).toMatchObject({ member: 'certificate' })
    expect(JSON.stringify(evidence)).not.toContain(b64.slice(0, 20))
  })

  test('a second line, another spelling and a very long value are refused', async () => {
    for (const headers of [
      [header, value, header, value],
      [header, value, header.replace('-', '_'), value],
      [header.replaceAll('-', '_'), value],
      [header, value + 'x'.repeat(16_384)],
    ])
      expect((await ask(headers))[0]).toBe('ERR_POP_CERTIFICATE_INVALID')
  })

  test('the header of anybody else is not read', { tags: ['attack-161'] }, async () => {
    for (const address of ['192.0.2.1', '::1', '', 'unix', '110.1.2.3']) {
      const [code, evidence] = await ask([header, value], { address })
      expect([code, evidence]).toEqual([
        'ERR_POP_CERTIFICATE_MISSING',
        { member: 'mtls proxy trust', actual: `a hop that is not trusted: ${address}` },
      ])
    }
  })

  test('no other header is read', async () => {
    for (const other of Object.values(proxies).filter((one) => one.header !== header))
      expect((await ask([other.header, other.value]))[0]).toBe('ERR_POP_CERTIFICATE_MISSING')
  })
})

test.each([
  ['azure', `${b64.slice(0, 9)} ${b64.slice(9)}`, 'spaces where a plus sign may have been'],
  ['nginx', `text${escaped}`, 'text around a certificate'],
  ['nginx', `${escaped}%`, 'another encoding'],
  ['aws-alb-passthrough', encodeURIComponent(ca.cert + bob.cert), 'a chain in another order'],
] as const)(
  'of %s, what is wrong is told: %#',
  { tags: ['mtls-proxy'] },
  async (profile, value, actual) => {
    const { header, verdict } = proxies[profile]
    const schemes = [mtls({ proxy: { profile, trust } })]
    const sent = { schemes, peer: hop, headers: [header, value, ...(verdict ?? [])] }
    expect((await send(sent))[1]).toMatchObject({ actual })
  },
)

describe('a verdict of the proxy', { tags: ['mtls-proxy'] }, () => {
  test.each([
    ['nginx', 'NONE'],
    ['nginx', 'FAILED:self-signed certificate'],
    ['nginx', undefined],
    ['google-cloud', 'false'],
    ['google-cloud', undefined],
  ] as const)('of %s that is %s is refused', async (name, said) => {
    const { header, value, verdict } = proxies[name]
    const schemes = [mtls({ proxy: { profile: name, trust } })]
    const beside = said === undefined ? [] : [verdict?.[0] ?? '', said]
    const headers = [header, value, ...beside]
    expect((await send({ schemes, peer: hop, headers }))[0]).toBe('ERR_POP_CERTIFICATE_INVALID')
  })
})

test('a chain with the own certificate first is read', { tags: ['mtls-proxy'] }, async () => {
  const schemes = [mtls({ proxy: { profile: 'aws-alb-passthrough', trust } })]
  const cnf = { 'x5t#S256': bob.thumbprint }
  const headers = ['X-Amzn-Mtls-Clientcert', chain]
  expect(await send({ cnf, schemes, peer: hop, headers })).toEqual(['mTLS'])
})

test(
  'no text behind a proxy crashes, whatever the profile',
  { timeout: 30_000, tags: ['mtls-proxy'] },
  async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.base64String().map((base64) => `:${base64}:`),
      fc
        .uint8Array()
        .map((bytes) =>
          encodeURIComponent(
            alice.cert.replace(b64.slice(5, 30), Buffer.from(bytes).toString('base64')),
          ),
        ),
      fc.string().map((hash) => `Hash=${hash}`),
    )
    const name = fc.constantFrom(...(Object.keys(proxies) as (keyof typeof proxies)[]))
    const property = fc.asyncProperty(name, text, async (profile, value) => {
      const { header, verdict } = proxies[profile]
      const schemes = [mtls({ proxy: { profile, trust } })]
      const [code] = await send({
        schemes,
        peer: hop,
        headers: [header, value, ...(verdict ?? [])],
      })
      expect(code).toMatch(/^ERR_POP_(CERTIFICATE|BINDING)_/)
    })
    await fc.assert(property, { numRuns: 500 })
  },
)

describe('who is trusted', { tags: ['mtls-proxy'] }, () => {
  const { header, value } = proxies.rfc9440
  const ask = async (own: MtlsProxyOptions['trust'], peer: Peer): Promise<string> => {
    const schemes = [mtls({ proxy: { profile: 'rfc9440', trust: own } })]
    return (await send({ schemes, peer, headers: [header, value] }))[0]
  }

  test.each<[MtlsProxyOptions['trust'], string]>([
    [['127.0.0.1'], '127.0.0.1'],
    [['127.0.0.1'], '::ffff:127.0.0.1'],
    [['10.0.0.0/8', '::1'], '::1'],
    [['fd00::/8'], 'fd12:3456::1'],
    ['unix-socket', 'unix'],
    [({ address }) => address === '192.0.2.7', '192.0.2.7'],
  ])('%s trusts %s', async (own, address) => {
    expect(await ask(own, { address })).toBe('mTLS')
  })

  test.each<[MtlsProxyOptions['trust'], string]>([
    [['127.0.0.1'], '127.0.0.2'],
    [['10.0.0.0/8'], '11.0.0.1'],
    [['fd00::/8'], 'fe00::1'],
    [['127.0.0.1'], 'unix'],
    ['unix-socket', '127.0.0.1'],
    ['unix-socket', ''],
    [() => 'yes' as never, '127.0.0.1'],
    [async () => true, '127.0.0.1'] as never,
  ])('%s does not trust %s', async (own, address) => {
    expect(await ask(own, { address })).toBe('ERR_POP_CERTIFICATE_MISSING')
  })

  test('a function can pin the certificate of the proxy', async () => {
    const own = ({ certificate }: Peer): boolean =>
      certificate !== undefined && Buffer.from(certificate).equals(bob.der)
    expect(await ask(own, { address: '', certificate: bob.der })).toBe('mTLS')
    expect(await ask(own, { address: '', certificate: mallory.der })).toBe(
      'ERR_POP_CERTIFICATE_MISSING',
    )
  })

  test('a request without a peer is not trusted', async () => {
    const schemes = [mtls({ proxy: { profile: 'rfc9440', trust: () => true } })]
    expect((await send({ schemes, headers: [header, value] }))[0]).toBe(
      'ERR_POP_CERTIFICATE_MISSING',
    )
  })
})

test('a function may read the header of a proxy that has no name here', async () => {
  const profile = vi.fn<(request: HttpRequest) => Uint8Array | undefined>(() => alice.der)
  const schemes = [mtls({ proxy: { profile, trust } })]
  expect(await send({ schemes, peer: hop })).toEqual(['mTLS'])
  expect((await send({ schemes, peer: { address: '192.0.2.1' } }))[0]).toBe(
    'ERR_POP_CERTIFICATE_MISSING',
  )
  expect(profile).toHaveBeenCalledTimes(1)
})

describe('wrong options', { tags: ['mtls-proxy'] }, () => {
  test.each<[string, unknown, string]>([
    ['a profile without trust', { proxy: { profile: 'nginx' } }, 'needs trust'],
    ['an empty list of trust', { proxy: { profile: 'nginx', trust: [] } }, 'needs trust'],
    ['everybody', { proxy: { profile: 'nginx', trust: true } }, 'needs trust'],
    ['a host name', { proxy: { profile: 'nginx', trust: ['localhost'] } }, 'must list addresses'],
    ['every address', { proxy: { profile: 'nginx', trust: ['0.0.0.0/0'] } }, 'must list addresses'],
    [
      'every address in two halves',
      { proxy: { profile: 'nginx', trust: ['0.0.0.0/1', '128.0.0.0/1'] } },
      'every address',
    ],
    [
      'every address, spelled as IPv6',
      { proxy: { profile: 'nginx', trust: ['::ffff:0:0/96'] } },
      'every address',
    ],
    ['a prefix with a zero', { proxy: { profile: 'nginx', trust: ['10.0.0.0/08'] } }, 'must list'],
    [
      'a prefix too long',
      { proxy: { profile: 'nginx', trust: ['10.0.0.0/33'] } },
      'must list addresses',
    ],
    [
      'an open prefix',
      { proxy: { profile: 'nginx', trust: ['10.0.0.0/'] } },
      'must list addresses',
    ],
    [
      'two prefixes',
      { proxy: { profile: 'nginx', trust: ['10.0.0.0/8/8'] } },
      'must list addresses',
    ],
    ['no profile', { proxy: { trust } }, 'needs a profile'],
    ['an unknown profile', { proxy: { profile: 'haproxy', trust } }, 'must be one of'],
    ['an inherited profile', { proxy: { profile: 'toString', trust } }, 'must be one of'],
    ['an unknown name', { proxies: [] }, 'no option'],
    [
      'both sources',
      { certificate: () => undefined, proxy: { profile: 'nginx', trust } },
      'not both',
    ],
    ['a certificate that is no function', { certificate: alice.der }, 'must be a function'],
  ])('do not start: %s', (_, options, said) => {
    expect(() => mtls(options as MtlsOptions)).toThrow(TypeError)
    expect(() => mtls(options as MtlsOptions)).toThrow(said)
  })
})
