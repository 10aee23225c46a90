import {
  createIssuer,
  createIssuerHandler,
  IssuerError,
  memoryTokenStore,
  type ClientRegistration,
  type Grant,
  type GrantRequest,
  type IssuerHandlerOptions,
  type IssuerOptions,
  type TokenStore,
} from '@oauth-pop/issuer'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, test, vi } from 'vitest'
import { privateJwk, publicHalf } from './keys.ts'

const issuerUrl = 'https://as.example.com'
const audience = 'https://api.example.com'
const key = await privateJwk('ES256')
const kid = await calculateJwkThumbprint(key)
const reqCnf = Buffer.from(JSON.stringify({ kid })).toString('base64url')
const appAuth = basic('app', 'app-secret')
const apiAuth = basic('api', 'api-secret')
const tokenForm = { grant_type: 'client_credentials', req_cnf: reqCnf }

type Form = Readonly<Record<string, string>> | readonly (readonly [string, string])[]

function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
}

function post(path: string, form: Form, authorization?: string, base = issuerUrl): Request {
  const pairs = Array.isArray(form) ? form : Object.entries(form)
  return new Request(base + path, {
    method: 'POST',
    body: new URLSearchParams(pairs as [string, string][]),
    ...(authorization !== undefined && { headers: { authorization } }),
  })
}

function createServer({
  issuer,
  ...options
}: Partial<Omit<IssuerHandlerOptions, 'issuer'>> & { issuer?: Partial<IssuerOptions> } = {}) {
  const kept = memoryTokenStore()
  const put = vi.fn<TokenStore['put']>((...record) => kept.put(...record))
  const grant = vi.fn<(request: GrantRequest) => Grant>(() => ({
    subject: 'alice',
    audience,
    scope: 'read',
  }))
  const handler = createIssuerHandler({
    issuer: createIssuer({
      issuer: issuerUrl,
      tokens: 'opaque',
      store: { ...kept, put },
      ...issuer,
    }),
    clients: {
      app: { secret: 'app-secret' },
      other: { secret: 'other-secret' },
      'a b:c': { secret: 'p+q %&' },
      colon: { secret: 'a:b' },
      page: { public: true },
    },
    resourceServers: {
      api: { secret: 'api-secret' },
      photos: { secret: 'photos-secret', audience: 'https://photos.example.com' },
    },
    grant,
    ...options,
  })
  const issue = async (): Promise<string> => {
    const response = await handler(post('/token', tokenForm, appAuth))
    return ((await response.json()) as { access_token: string }).access_token
  }
  const isActive = async (token: string, authorization = apiAuth): Promise<unknown> =>
    (
      (await (await handler(post('/introspect', { token }, authorization))).json()) as Form & {
        active: unknown
      }
    ).active
  return { handler, put, grant, issue, isActive }
}

/** Status, error word and challenge: what a client sees of a refusal. */
async function refusalOf(response: Response): Promise<readonly unknown[]> {
  expect(response.headers.get('cache-control')).toBe('no-store')
  const body = (await response.json()) as Record<string, string>
  expect(Object.keys(body)).toEqual(['error', 'error_description'])
  return [response.status, body['error'], response.headers.get('www-authenticate')]
}

const invalidClient = [401, 'invalid_client', 'Basic realm="as.example.com"']
const invalidRequest = [400, 'invalid_request', null]

describe('the token endpoint', () => {
  test('issues a token that is bound to the key of the request', async () => {
    const { handler, grant, isActive } = createServer()
    const response = await handler(post('/token', { ...tokenForm, resource: audience }, appAuth))
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
    const token = (await response.json()) as Record<string, unknown>
    expect(token).toEqual({
      access_token: expect.any(String),
      token_type: 'PoP',
      expires_in: 3600,
      scope: 'read',
    })
    expect(grant.mock.calls).toEqual([
      [
        {
          clientId: 'app',
          authenticated: true,
          grantType: 'client_credentials',
          parameters: expect.anything(),
          key: { by: 'client', thumbprint: kid },
        },
      ],
    ])
    expect(grant.mock.calls[0]?.[0].parameters.get('resource')).toBe(audience)
    expect(await isActive(String(token['access_token']))).toBe(true)
    const introspection = await handler(
      post('/introspect', { token: String(token['access_token']) }, apiAuth),
    )
    expect(await introspection.json()).toMatchObject({
      active: true,
      client_id: 'app',
      sub: 'alice',
      aud: audience,
      cnf: { kid },
    })
  })

  test('or to the key that the grant says, which goes out with the token', async () => {
    const { handler } = createServer({
      grant: () => ({ audience, scope: '', key: { by: 'server', algorithm: 'ES256' } }),
    })
    for (const form of [tokenForm, { grant_type: 'client_credentials' }]) {
      const response = await handler(post('/token', form, appAuth))
      expect(await response.json()).toMatchObject({
        access_token_key: { kty: 'EC', d: expect.any(String) },
        alg: 'ES256',
      })
    }
  })

  const accepted: Readonly<Record<string, readonly [Form, string?]>> = {
    'a secret in the header': [tokenForm, appAuth],
    'a secret in the form': [{ ...tokenForm, client_id: 'app', client_secret: 'app-secret' }],
    'a secret in the header and the name in both': [{ ...tokenForm, client_id: 'app' }, appAuth],
    'a name and a secret that need encoding': [tokenForm, basic('a+b%3Ac', 'p%2Bq+%25%26')],
    'a secret with a colon that is not encoded': [tokenForm, basic('colon', 'a:b')],
    'no secret, for a public client': [
      { ...tokenForm, client_id: 'page', grant_type: 'authorization_code' },
    ],
    'two resources': [
      [...Object.entries(tokenForm), ['resource', 'a'], ['resource', 'b']],
      appAuth,
    ],
    'a scheme in other letters': [tokenForm, appAuth.replace('Basic', 'bAsIc')],
    'the type of token that it issues': [{ ...tokenForm, token_type: 'POP' }, appAuth],
  }
  test.each(Object.entries(accepted))('accepts %s', async (_, [form, authorization]) => {
    const { handler, grant } = createServer()
    expect((await handler(post('/token', form, authorization))).status).toBe(200)
    expect(grant.mock.calls[0]?.[0].parameters.has('client_secret')).toBe(false)
  })

  const refused: Readonly<Record<string, readonly [readonly unknown[], Form, string?]>> = {
    'a wrong secret': [invalidClient, tokenForm, basic('app', 'app-secreT')],
    'an empty secret': [invalidClient, tokenForm, basic('app', '')],
    'a wrong secret in the form': [
      invalidClient,
      { ...tokenForm, client_id: 'app', client_secret: 'x' },
    ],
    'no secret': [invalidClient, { ...tokenForm, client_id: 'app' }],
    'a secret of a public client': [
      invalidClient,
      { ...tokenForm, client_id: 'page', client_secret: 'x' },
    ],
    'an unknown client': [invalidClient, tokenForm, basic('nobody', 'app-secret')],
    'a name that every object has': [invalidClient, { ...tokenForm, client_id: 'constructor' }],
    'no client': [invalidClient, tokenForm],
    'another scheme': [invalidClient, tokenForm, 'Bearer app'],
    'credentials that are no base64': [invalidClient, tokenForm, 'Basic app:app-secret'],
    'credentials without a colon': [
      invalidClient,
      tokenForm,
      `Basic ${Buffer.from('app').toString('base64')}`,
    ],
    'credentials with a broken percent': [invalidClient, tokenForm, basic('app', '%')],
    'a client in the form that is not the one in the header': [
      invalidClient,
      { ...tokenForm, client_id: 'other' },
      appAuth,
    ],
    'two secrets': [
      invalidRequest,
      { ...tokenForm, client_id: 'app', client_secret: 'app-secret' },
      appAuth,
    ],
    'a repeated parameter': [
      invalidRequest,
      [...Object.entries(tokenForm), ['grant_type', 'x']],
      appAuth,
    ],
    'credentials of a client that has none': [
      [400, 'unauthorized_client', null],
      { ...tokenForm, client_id: 'page' },
    ],
    'no grant type': [invalidRequest, { req_cnf: reqCnf }, appAuth],
    'a grant type without a value': [invalidRequest, { ...tokenForm, grant_type: '' }, appAuth],
    'another type of token': [invalidRequest, { ...tokenForm, token_type: 'Bearer' }, appAuth],
    'a broken key': [invalidRequest, { ...tokenForm, req_cnf: 'x' }, appAuth],
    'a form that is too long': [
      invalidRequest,
      { ...tokenForm, more: 'x'.repeat(65 * 1024) },
      appAuth,
    ],
  }
  test.each(Object.entries(refused))(
    'refuses %s, before anything is granted',
    async (_, [expected, form, authorization]) => {
      const { handler, grant, put } = createServer()
      expect(await refusalOf(await handler(post('/token', form, authorization)))).toEqual(expected)
      expect([grant.mock.calls, put.mock.calls]).toEqual([[], []])
    },
  )

  test('refuses what is no form', async () => {
    const { handler, grant } = createServer()
    const body = new URLSearchParams(tokenForm).toString()
    for (const type of ['application/json', 'application/x-www-form-urlencodedx', 'text/plain']) {
      const headers = { authorization: appAuth, 'content-type': type }
      const request = new Request(`${issuerUrl}/token`, { method: 'POST', headers, body })
      expect(await refusalOf(await handler(request))).toEqual(invalidRequest)
    }
    expect(grant).not.toHaveBeenCalled()
  })

  test('refuses a request that names no key where the grant names none either', async () => {
    const { handler, put } = createServer()
    const request = post('/token', { grant_type: 'client_credentials' }, appAuth)
    expect(await refusalOf(await handler(request))).toEqual(invalidRequest)
    expect(put).not.toHaveBeenCalled()
  })

  test('passes the refusal of the grant on', async () => {
    const { handler, put } = createServer({
      grant: async () => {
        throw new IssuerError('invalid_grant', 'The code is unknown or used')
      },
    })
    const response = await handler(post('/token', tokenForm, appAuth))
    expect(await refusalOf(response)).toEqual([400, 'invalid_grant', null])
    expect(put).not.toHaveBeenCalled()
  })

  test('leaves faults of the grant and the store to the framework', async () => {
    const fault = new Error('down')
    const fail = (): never => {
      throw fault
    }
    const faulty = [
      createServer({ grant: fail }),
      createServer({ clients: fail }),
      createServer({ issuer: { store: { put: async () => fail(), get: async () => fail() } } }),
    ]
    for (const { handler } of faulty)
      await expect(handler(post('/token', tokenForm, appAuth))).rejects.toBe(fault)
  })

  test('looks clients up, and never lets half a registration be a public client', async () => {
    const found: Readonly<Record<string, unknown>> = {
      app: { secret: 'app-secret' },
      empty: { secret: '' },
      none: {},
      nothing: null,
      both: { secret: 'x', public: true },
    }
    const { handler } = createServer({ clients: async (id) => found[id] as ClientRegistration })
    const statusOf = async (form: Form, authorization?: string): Promise<number> =>
      (await handler(post('/token', form, authorization))).status
    expect(await statusOf(tokenForm, appAuth)).toBe(200)
    for (const id of ['empty', 'none', 'both', 'nothing', 'unknown']) {
      expect(await statusOf({ ...tokenForm, client_id: id })).toBe(401)
      expect(await statusOf(tokenForm, basic(id, ''))).toBe(401)
      expect(await statusOf(tokenForm, basic(id, 'undefined'))).toBe(401)
    }
  })
})

describe('the introspection endpoint', () => {
  test('tells a resource server about its tokens only', async () => {
    const { issue, isActive } = createServer()
    const token = await issue()
    expect(await isActive(token)).toBe(true)
    expect(await isActive(token, basic('photos', 'photos-secret'))).toBe(false)
    expect(await isActive('unknown')).toBe(false)
  })

  test.each([
    ['nobody', undefined, {}],
    ['a client', appAuth, {}],
    ['a public client', undefined, { client_id: 'page' }],
    ['a wrong secret', basic('api', 'x'), {}],
  ])('tells %s nothing', async (_, authorization, form) => {
    const { handler, issue } = createServer()
    const request = post('/introspect', { token: await issue(), ...form }, authorization)
    expect(await refusalOf(await handler(request))).toEqual(invalidClient)
  })

  test('tells a public client nothing even if it is looked up as a resource server', async () => {
    const { handler, issue } = createServer({ resourceServers: () => ({ public: true }) as never })
    const request = post('/introspect', { token: await issue(), client_id: 'page' })
    expect(await refusalOf(await handler(request))).toEqual(invalidClient)
  })

  test('needs a token', async () => {
    const { handler } = createServer()
    expect(await refusalOf(await handler(post('/introspect', {}, apiAuth)))).toEqual(invalidRequest)
  })
})

describe('the revocation endpoint', () => {
  test('revokes a token of the client, and answers the same for one that is gone', async () => {
    const { handler, issue, isActive } = createServer()
    const token = await issue()
    for (const one of [token, token, 'unknown']) {
      const response = await handler(post('/revoke', { token: one }, appAuth))
      expect([response.status, await response.text()]).toEqual([200, ''])
    }
    expect(await isActive(token)).toBe(false)
  })

  test('undoes no revocation of another instance, whoever asks', async () => {
    const store = memoryTokenStore()
    const [old, next] = [await privateJwk(), await privateJwk()]
    const both = createServer({ issuer: { tokens: 'jwt', signingKey: [old, next], store } })
    const onlyNext = createServer({ issuer: { tokens: 'jwt', signingKey: next, store } })
    const token = await both.issue()
    expect((await both.handler(post('/revoke', { token }, appAuth))).status).toBe(200)
    const again = await onlyNext.handler(post('/revoke', { token, client_id: 'page' }))
    expect(again.status).toBe(200)
    expect(await both.isActive(token)).toBe(false)
  })

  test('tells the grant whether the client has proved who it is', async () => {
    const { handler, grant } = createServer()
    const form = { ...tokenForm, grant_type: 'authorization_code' }
    await handler(post('/token', { ...form, client_id: 'page' }))
    await handler(post('/token', form, appAuth))
    expect(grant.mock.calls.map(([{ authenticated }]) => authenticated)).toEqual([false, true])
  })

  test('revokes no token of another client', async () => {
    const { handler, issue, isActive } = createServer()
    const token = await issue()
    const other = await handler(post('/revoke', { token }, basic('other', 'other-secret')))
    expect(await refusalOf(other)).toEqual([400, 'unauthorized_client', null])
    const nobody = await handler(post('/revoke', { token }))
    expect(await refusalOf(nobody)).toEqual(invalidClient)
    const empty = await handler(post('/revoke', { token: '' }, appAuth))
    expect(await refusalOf(empty)).toEqual(invalidRequest)
    expect(await isActive(token)).toBe(true)
  })
})

describe('what anybody may read', () => {
  test.each([
    [issuerUrl, '', '/.well-known/oauth-authorization-server'],
    [`${issuerUrl}/tenant`, '/tenant', '/.well-known/oauth-authorization-server/tenant'],
    [`${issuerUrl}/tenant/`, '/tenant', '/.well-known/oauth-authorization-server/tenant'],
  ])('%s publishes its metadata and keys', async (identifier, base, wellKnown) => {
    const { handler } = createServer({
      issuer: { issuer: identifier, tokens: 'jwt', signingKey: key },
      metadata: { authorization_endpoint: `${issuerUrl}/authorize` },
    })
    const metadata = await (await handler(new Request(issuerUrl + wellKnown))).json()
    expect(metadata).toMatchObject({
      issuer: identifier,
      token_endpoint: `${issuerUrl}${base}/token`,
      jwks_uri: `${issuerUrl}${base}/jwks`,
      authorization_endpoint: `${issuerUrl}/authorize`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    })
    const keys = await (await handler(new Request(`${issuerUrl}${base}/jwks`))).json()
    expect(keys).toEqual({ keys: [{ ...publicHalf(key), use: 'sig', kid }] })
    const token = await handler(post(`${base}/token`, tokenForm, appAuth))
    expect(token.status).toBe(200)
  })
})

test('other paths and methods are answered without a look at the request', async () => {
  const { handler, grant } = createServer()
  const statusOf = async (path: string, method: string): Promise<readonly unknown[]> => {
    const response = await handler(new Request(issuerUrl + path, { method }))
    return [response.status, response.headers.get('allow')]
  }
  expect(await statusOf('/token', 'GET')).toEqual([405, 'POST'])
  expect(await statusOf('/introspect', 'DELETE')).toEqual([405, 'POST'])
  expect(await statusOf('/jwks', 'POST')).toEqual([405, 'GET'])
  for (const path of ['/', '/tokens', '/token/', '/constructor', '/tenant/token'])
    expect(await statusOf(path, 'POST')).toEqual([404, null])
  expect(grant).not.toHaveBeenCalled()
})

describe('createIssuerHandler', () => {
  const issuer = createIssuer({ issuer: issuerUrl, tokens: 'opaque' })
  const right = { issuer, clients: {}, resourceServers: {}, grant: () => ({}) as Grant }
  test.each([
    ['no issuer', { issuer: undefined }],
    ['no grant', { grant: undefined }],
    ['no clients', { clients: undefined }],
    ['a client without a secret', { clients: { app: {} } }],
    ['a client with an empty secret', { clients: { app: { secret: '' } } }],
    ['a public client with a secret', { clients: { app: { secret: 'x', public: true } } }],
    [
      'a client with a secret and certificates',
      { clients: { app: { secret: 'x', certificates: [kid] } } },
    ],
    [
      'a public client with certificates',
      { clients: { app: { public: true, certificates: [kid] } } },
    ],
    ['a client without certificates in its list', { clients: { app: { certificates: [] } } }],
    ['certificates that are no list', { clients: { app: { certificates: kid } } }],
    ['a certificate that is no thumbprint', { clients: { app: { certificates: [kid, 'x'] } } }],
    [
      'a resource server with a secret and certificates',
      { resourceServers: { api: { secret: 'x', certificates: [kid] } } },
    ],
    ['a flag in words', { clients: { app: { secret: 'x', dpopBoundAccessTokens: 'true' } } }],
    [
      'another flag in words',
      { clients: { app: { secret: 'x', tlsClientCertificateBoundAccessTokens: 'no' } } },
    ],
    ['a public resource server', { resourceServers: { api: { public: true } } }],
    ['a client that is null', { clients: { app: null } }],
    ['clients in a list', { clients: [{ secret: 'x' }] }],
    ['clients in a Map', { clients: new Map() }],
    ['no resource servers', { resourceServers: null }],
    ['an unknown name', { grants: () => ({}) }],
  ])('refuses options with %s', (_, wrong) => {
    expect(() => createIssuerHandler(right)).not.toThrow()
    const one = { one: { certificates: [kid, kid] } }
    expect(() =>
      createIssuerHandler({ ...right, clients: one, resourceServers: one }),
    ).not.toThrow()
    expect(() => createIssuerHandler({ ...right, ...wrong } as never)).toThrow(TypeError)
  })
})
