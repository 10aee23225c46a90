import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { runInThisContext } from 'node:vm'
import * as core from '@oauth-pop/core'
import {
  apiUrl,
  createHolders,
  dpopRequest,
  hashOf,
  outcomeOf,
  popRequest,
  signDpop,
  signPop,
  thumbprintOf,
  type Holder,
} from '@oauth-pop/testkit'
import {
  createLocalJWKSet,
  decodeJwt,
  errors,
  exportJWK,
  generateKeyPair,
  jwtVerify,
  SignJWT,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose'
import { ClientSecretJwt } from 'oauth4webapi'
import { describe, expect, test } from 'vitest'

const page = readFileSync(new URL('../../../docs/providers.md', import.meta.url), 'utf8')
const signer = await generateKeyPair('RS256')
const jwks = {
  keys: [{ ...(await exportJWK(signer.publicKey)), kid: 'key-1', use: 'sig', alg: 'RS256' }],
} as unknown as JSONWebKeySet & { keys: core.Jwk[] }
const { holder } = createHolders()
const [alice, thief] = [holder(), holder()]
const now = (): number => Math.floor(Date.now() / 1000)
const secret = Buffer.alloc(32, 7)

/** What stands for servers that are not asked, and for a database. */
let introspected: Record<string, unknown> = {}
const questions: URLSearchParams[] = []
const answer: typeof fetch = async (_url, init) => {
  questions.push(new URLSearchParams(init?.body as URLSearchParams))
  return Response.json(introspected)
}
const tokenHash = createHash('sha256').update(alice.accessToken).digest('hex')
const database = {
  findToken: (sha256: string): object | undefined =>
    sha256 === tokenHash ? { aud: apiUrl, client_id: 'partner', scope: 'orders' } : undefined,
  findSecret: (clientId: string): core.Jwk | undefined =>
    clientId === 'partner' ? { kty: 'oct', k: secret.toString('base64url') } : undefined,
}

let remoteKeys: JWTVerifyGetKey = createLocalJWKSet(jwks)

/** What a block of the page may name; key sets are taken from here instead of from the provider. */
const scope = {
  ...core,
  jwtTokens: (options: core.JwtTokensOptions) => core.jwtTokens({ ...options, jwks }),
  introspectedTokens: (options: core.IntrospectedTokensOptions) =>
    core.introspectedTokens({ ...options, fetch: answer }),
  createRemoteJWKSet:
    (): JWTVerifyGetKey =>
    (...asked) =>
      remoteKeys(...asked),
  // The proofs of these tests are of the second in which the verifier is made.
  popMiddleware: (options: core.VerifierOptions) =>
    core.createVerifier({ replay: core.memoryReplayStore({ restartGuard: 'off' }), ...options }),
  ClientSecretJwt,
  database,
  decodeJwt,
  errors,
  jwtVerify,
}

/** Runs the block of a section and gives back the verifier that it makes. */
function verifierOf(section: string): core.Verifier {
  const [, code = ''] =
    new RegExp(`## ${section}\\n.*?\`\`\`ts\\n(.*?)\`\`\``, 's').exec(page) ?? []
  const body = code.replace(/^popMiddleware\(/m, 'return popMiddleware(')
  const run = runInThisContext(`(${Object.keys(scope).join(', ')}) => {${body}}`) as (
    ...values: unknown[]
  ) => core.Verifier
  return run(...Object.values(scope))
}

function sign(payload: object, header: object = {}): Promise<string> {
  return new SignJWT({ iat: now(), nbf: now(), exp: now() + 3600, ...payload })
    .setProtectedHeader({ alg: 'RS256', kid: 'key-1', ...header })
    .sign(signer.privateKey)
}

const thumbprint = thumbprintOf(alice.jwk)
const tenant = '11111111-2222-3333-4444-555555555555'

/** The claims of each provider's access tokens, as far as they matter to an API. */
const providers: Record<
  string,
  {
    readonly payload: Record<string, unknown>
    readonly typ?: string
    readonly scheme: 'PoP' | 'DPoP'
    readonly expected: Record<string, unknown>
  }
> = {
  'Microsoft Entra ID v2': {
    payload: {
      iss: `https://login.microsoftonline.com/${tenant}/v2.0`,
      aud: '66666666-7777-8888-9999-000000000000',
      azp: 'client-app',
      azpacr: '0',
      oid: 'object',
      scp: 'Photos.Read Photos.Write',
      sub: 'subject',
      tid: tenant,
      ver: '2.0',
      cnf: { kid: thumbprint, xms_ksl: 'sw' },
    },
    typ: 'JWT',
    scheme: 'PoP',
    expected: { clientId: 'client-app', scopes: ['Photos.Read', 'Photos.Write'] },
  },
  'Microsoft Entra ID v1': {
    payload: {
      iss: `https://sts.windows.net/${tenant}/`,
      aud: 'api://photos.example.com',
      appid: 'client-app',
      appidacr: '0',
      scp: 'Photos.Read',
      sub: 'subject',
      tid: tenant,
      ver: '1.0',
      cnf: { kid: thumbprint, xms_ksl: 'sw' },
    },
    typ: 'JWT',
    scheme: 'PoP',
    expected: { clientId: 'client-app', scopes: ['Photos.Read'] },
  },
  Auth0: {
    payload: {
      iss: 'https://tenant.eu.auth0.com/',
      aud: ['https://api.example.com', 'https://tenant.eu.auth0.com/userinfo'],
      azp: 'client-app',
      scope: 'openid read:photos',
      sub: 'auth0|1',
      cnf: { jkt: thumbprint },
    },
    typ: 'JWT',
    scheme: 'DPoP',
    expected: { clientId: 'client-app', scopes: ['openid', 'read:photos'] },
  },
  'Auth0 ': {
    payload: {
      iss: 'https://tenant.eu.auth0.com/',
      aud: 'https://api.example.com',
      client_id: 'client-app',
      jti: 'x',
      scope: 'read:photos',
      sub: 'auth0|1',
      cnf: { jkt: thumbprint },
    },
    typ: 'at+jwt',
    scheme: 'DPoP',
    expected: { clientId: 'client-app', scopes: ['read:photos'] },
  },
  Okta: {
    payload: {
      ver: 1,
      jti: 'AT.x',
      iss: 'https://org.okta.com/oauth2/default',
      aud: 'api://default',
      cid: 'client-app',
      uid: 'user',
      scp: ['photos', 'openid'],
      auth_time: 1,
      sub: 'alice@example.com',
      cnf: { jkt: thumbprint },
    },
    scheme: 'DPoP',
    expected: { clientId: undefined, scopes: ['photos', 'openid'] },
  },
  Keycloak: {
    payload: {
      iss: 'https://keycloak.example.com/realms/demo',
      aud: ['photos-api', 'account'],
      azp: 'client-app',
      typ: 'DPoP',
      acr: '1',
      scope: 'profile photos',
      sub: 'subject',
      cnf: { jkt: thumbprint },
    },
    typ: 'JWT',
    scheme: 'DPoP',
    expected: { clientId: 'client-app', scopes: ['profile', 'photos'] },
  },
}

function requestOf(scheme: string, who: Holder, accessToken: string): core.HttpRequest {
  const own = { ...who, accessToken }
  if (scheme === 'DPoP') return dpopRequest(own, signDpop(own, now()))
  return popRequest(signPop(own, now(), { cnf: { jwk: who.jwk } }))
}

describe.each(Object.entries(providers))('%s', (name, { payload, typ, scheme, expected }) => {
  const header = typ === undefined ? {} : { typ }

  test('its token is accepted from the client that holds the key', async () => {
    const verifier = verifierOf(name.trim())
    const { accessToken } = await verifier.verify(
      requestOf(scheme, alice, await sign(payload, header)),
    )
    const { clientId, scopes } = accessToken
    expect({ clientId, scopes }).toEqual(expected)
  })

  test('its token is refused from a thief, and as a bearer token', async () => {
    const verifier = verifierOf(name.trim())
    const token = await sign(payload, header)
    expect(await outcomeOf(verifier.verify(requestOf(scheme, thief, token)))).toBe(
      'ERR_POP_BINDING_OTHER_KEY',
    )
    const rawHeaders = ['Host', 'api.example.com', 'Authorization', `Bearer ${token}`]
    const asBearer = verifier.verify({ method: 'GET', target: '/items', rawHeaders })
    expect(await outcomeOf(asBearer)).toBe('ERR_POP_CREDENTIAL_MISSING')
  })

  test('a token of another API, or another kind of token, is refused', async () => {
    const verifier = verifierOf(name.trim())
    const otherApi = await sign({ ...payload, aud: 'https://other.example' }, header)
    expect(await outcomeOf(verifier.verify(requestOf(scheme, alice, otherApi)))).toBe(
      'ERR_POP_TOKEN_AUDIENCE',
    )
    const otherKind = await sign(payload, { typ: 'logout+jwt' })
    expect(await outcomeOf(verifier.verify(requestOf(scheme, alice, otherKind)))).toBe(
      'ERR_POP_TOKEN_TYPE',
    )
  })
})

const asBearer = (token: string): core.HttpRequest => ({
  method: 'GET',
  target: '/items',
  rawHeaders: ['Host', 'api.example.com', 'Authorization', `Bearer ${token}`],
})

describe('Ory Hydra', () => {
  const active = { active: true, client_id: 'client-app', scope: 'photos', token_type: 'Bearer' }

  test('its opaque token is accepted with an audience only', async () => {
    const verifier = verifierOf('Ory Hydra')
    introspected = { ...active, aud: [apiUrl], exp: now() + 60, iat: now(), nbf: now() }
    expect(await outcomeOf(verifier.verify(asBearer('ory_at_x.y')))).toBe('accepted')
    introspected = { ...active, aud: [] }
    expect(await outcomeOf(verifier.verify(asBearer('ory_at_x.y')))).toBe('ERR_POP_TOKEN_AUDIENCE')
  })
})

describe('AWS Cognito', () => {
  const payload = {
    iss: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abcdefghi',
    client_id: '1example23456789',
    token_use: 'access',
    scope: 'photos/read openid',
    sub: 'subject',
  }

  test.each<[string, object, string]>([
    ['an access token of a known client', {}, 'accepted'],
    ['one of another client', { client_id: 'other' }, 'ERR_POP_TOKEN_AUDIENCE'],
    ['an ID token', { token_use: 'id' }, 'ERR_POP_TOKEN_AUDIENCE'],
    ['one without a scope', { scope: undefined }, 'accepted'],
    ['one without a client', { client_id: undefined }, 'ERR_POP_TOKEN_AUDIENCE'],
    ['one without an end', { exp: undefined }, 'ERR_POP_TOKEN_SIGNATURE_INVALID'],
    ['an old one', { exp: now() - 60 }, 'ERR_POP_TOKEN_EXPIRED'],
    ['one of another pool', { iss: 'https://cognito-idp.example' }, 'ERR_POP_TOKEN_UNKNOWN'],
  ])('%s', async (_, change, outcome) => {
    const token = await sign({ ...payload, ...change })
    expect(await outcomeOf(verifierOf('AWS Cognito').verify(asBearer(token)))).toBe(outcome)
  })

  test.each(['garbage', 'a.b.c', 'e30.e30.e30'])('garbage is a bad token: %s', async (token) => {
    expect(await outcomeOf(verifierOf('AWS Cognito').verify(asBearer(token)))).toBe(
      'ERR_POP_TOKEN_UNKNOWN',
    )
  })

  test('a forged one is a bad token', async () => {
    const [token, other] = [await sign(payload), await sign({ ...payload, sub: 'other' })]
    const forged = [...token.split('.').slice(0, 2), other.split('.')[2]].join('.')
    expect(await outcomeOf(verifierOf('AWS Cognito').verify(asBearer(forged)))).toBe(
      'ERR_POP_TOKEN_SIGNATURE_INVALID',
    )
  })

  test('a key set that cannot be had is an outage', async () => {
    const working = remoteKeys
    remoteKeys = () => Promise.reject(new TypeError('fetch failed'))
    const outcome = outcomeOf(verifierOf('AWS Cognito').verify(asBearer(await sign(payload))))
    expect(await outcome).toBe('ERR_POP_TOKEN_SOURCE_UNAVAILABLE')
    remoteKeys = working
  })

  test('jwtTokens refuses its tokens, which have no audience', async () => {
    const tokens = core.jwtTokens({ issuer: payload.iss, audience: apiUrl, jwks, typ: 'none' })
    const verifier = core.createVerifier({
      publicUrl: apiUrl,
      tokens,
      schemes: [core.bearer()],
    })
    expect(await outcomeOf(verifier.verify(asBearer(await sign(payload))))).toBe(
      'ERR_POP_TOKEN_AUDIENCE',
    )
  })
})

describe('kubelogin', () => {
  const cluster = '/subscriptions/1/resourceGroups/g/providers/p/clusters/c'
  const payload = {
    iss: `https://sts.windows.net/${tenant}/`,
    aud: 'api://photos.example.com',
    cnf: { kid: thumbprint },
  }

  test('its proof is accepted for the resource that it names, again and again', async () => {
    const verifier = verifierOf('kubelogin')
    const accessToken = await sign(payload, { typ: 'JWT' })
    const prove = (u: string): string =>
      signPop({ ...alice, accessToken }, now(), {
        u,
        m: undefined,
        p: undefined,
        jti: undefined,
        cnf: { jwk: alice.jwk },
      })
    const proof = prove(cluster)
    expect(await outcomeOf(verifier.verify(asBearer(proof)))).toBe('accepted')
    expect(await outcomeOf(verifier.verify(asBearer(proof)))).toBe('accepted')
    expect(await outcomeOf(verifier.verify(asBearer(prove(`${cluster}2`))))).toBe(
      'ERR_POP_HOST_MISMATCH',
    )
    expect(await outcomeOf(verifier.verify(asBearer(accessToken)))).not.toBe('accepted')
  })
})

describe('EU Login', () => {
  test('its client is known by the key that introspection names', async () => {
    const verifier = verifierOf('EU Login')
    introspected = { active: true, aud: apiUrl, sub: 'user', cnf: { jwk: alice.jwk } }
    const claims = { m: undefined, u: undefined, p: undefined }
    const ask = (who: Holder): Promise<string> => {
      const own = { ...who, accessToken: alice.accessToken }
      return outcomeOf(verifier.verify(popRequest(signPop(own, now(), claims, { typ: 'JWT' }))))
    }
    expect(await ask(alice)).toBe('accepted')
    expect(await ask(thief)).toBe('ERR_POP_PROOF_SIGNATURE_INVALID')
    const assertion = decodeJwt(questions.at(-1)?.get('client_assertion') ?? '')
    expect(assertion).toMatchObject({
      iss: 'photos-api',
      aud: 'https://ecas.ec.europa.eu/cas/oauth2',
    })
  })
})

describe('A partner with a shared secret', () => {
  const ask = (payload: object, key: Uint8Array = secret): Promise<string> => {
    const input = [{ alg: 'HS256' }, { at: alice.accessToken, ...payload }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const signature = createHmac('sha256', key).update(input).digest('base64url')
    const verifier = verifierOf('A partner with a shared secret')
    return outcomeOf(verifier.verify(popRequest(`${input}.${signature}`)))
  }

  test('its proofs of token and time are accepted for three minutes', async () => {
    expect(await ask({ ts: now() })).toBe('accepted')
    expect(await ask({ ts: now() - 190 })).toBe('ERR_POP_PROOF_EXPIRED')
    expect(await ask({ ts: now() }, Buffer.alloc(32, 8))).toBe('ERR_POP_PROOF_SIGNATURE_INVALID')
    expect(await ask({ ts: now(), b: hashOf('x') })).toBe('ERR_POP_BODY_CONSUMED')
  })
})

test('the roles of Microsoft Entra ID guard a route', async () => {
  const [, line = ''] = /```ts\n(requireClaims\(.*?)```/s.exec(page) ?? []
  const guard = runInThisContext(`(requireClaims) => ${line}`) as (
    requireClaims: typeof core.requireClaims,
  ) => core.Guard
  const verifier = verifierOf('Microsoft Entra ID v2')
  const { payload } = providers['Microsoft Entra ID v2'] as (typeof providers)[string]
  const ask = async (roles: unknown): Promise<string> => {
    const token = await sign({ ...payload, roles }, { typ: 'JWT' })
    const { accessToken } = await verifier.verify(requestOf('PoP', alice, token))
    return outcomeOf(Promise.resolve(guard(core.requireClaims)({ verifier, accessToken })))
  }
  expect(await ask(['Photos.Read.All'])).toBe('accepted')
  for (const roles of [undefined, [], ['Other'], 'Photos.Read.All', { includes: true }]) {
    expect(await ask(roles)).toBe('ERR_POP_CLAIMS_INSUFFICIENT')
  }
})

test('in a private network, name and address of an issuer may differ', async () => {
  const verifier = verifierOf('A private network')
  const token = await sign(
    { iss: 'http://localhost:8080/realms/demo', aud: 'photos-api', cnf: { jkt: thumbprint } },
    { typ: 'JWT' },
  )
  expect(await outcomeOf(verifier.verify(requestOf('DPoP', alice, token)))).toBe('accepted')
})
