import { randomBytes } from 'node:crypto'
import {
  confirmationRequest,
  createPopFetch,
  generateKeyPair,
  type PopFetchOptions,
  type ProofKey,
} from '@oauth-pop/client'
import {
  introspectedTokens,
  jwtTokens,
  memoryReplayStore,
  pop,
  type TokenResolver,
} from '@oauth-pop/express'
import { createIssuer, createIssuerHandler, type KeyBinding } from '@oauth-pop/issuer'
import { listen, type AdapterHarness, type AdapterServer } from '@oauth-pop/testkit'
import { createRequestListener } from '@remix-run/node-fetch-server'
import { exportJWK, generateKeyPair as generate, type JWK } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hosts } from '../../packages/express/test/hosts.ts'

const audience = 'https://api.example.com'
const pair = await generateKeyPair({ algorithm: 'ES256' })
const otherPair = await generateKeyPair({ algorithm: 'ES256' })
const secret = randomBytes(32)
const secretKey = (bytes: Buffer): ProofKey => ({
  kty: 'oct',
  k: bytes.toString('base64url'),
  alg: 'HS256',
})

async function privateJwk(alg: string): Promise<JWK> {
  const { privateKey } = await generate(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg }
}

function base64(value: object, encoding: BufferEncoding = 'base64url'): string {
  return Buffer.from(JSON.stringify(value)).toString(encoding)
}

/** How a key comes to its token: what the client asks for, what the server grants. */
interface Binding {
  readonly form?: Readonly<Record<string, string>>
  readonly key?: KeyBinding
  /** The client's own key, where the token response brings none. */
  readonly own?: ProofKey
  /** A key of the same kind that the token is not bound to. */
  readonly other: ProofKey
}

const bindings: Readonly<Record<string, Binding>> = {
  "the client's key": {
    form: { req_cnf: base64({ jwk: pair.jwk }) },
    own: pair,
    other: otherPair,
  },
  "the client's thumbprint": {
    form: { req_cnf: confirmationRequest(pair) },
    own: pair,
    other: otherPair,
  },
  "the client's key as OpenAM clients send it": {
    form: { cnf_key: base64({ ...pair.jwk, use: 'sig', kid: 'mine' }, 'base64') },
    own: pair,
    other: otherPair,
  },
  "the client's secret": {
    key: { by: 'client', secret },
    own: secretKey(secret),
    other: secretKey(randomBytes(32)),
  },
  'a pair of the server': { key: { by: 'server', algorithm: 'RS256' }, other: otherPair },
  'a secret of the server': {
    key: { by: 'server', algorithm: 'HS256' },
    other: secretKey(randomBytes(32)),
  },
}

describe.each(['opaque', 'jwt'] as const)('an %s token', (tokens) => {
  let granted: KeyBinding | undefined
  let server: AdapterServer
  let api: AdapterServer
  let issuerUrl: string

  beforeAll(async () => {
    const decryptionKey = await privateJwk('ECDH-ES')
    const signingKey = await privateJwk('ES256')
    let handle: ReturnType<typeof createRequestListener> = () => {}
    server = await listen((request, response) => handle(request, response))
    issuerUrl = `http://127.0.0.1:${server.port}`
    const { d: _, ...encryptionKey } = decryptionKey
    const issuer = createIssuer({ issuer: issuerUrl, tokens, signingKey, encryptionKey })
    const handler = createIssuerHandler({
      issuer,
      clients: { app: { secret: 'app-secret' } },
      resourceServers: { api: { secret: 'api-secret', audience } },
      grant: () => ({
        subject: 'alice',
        audience,
        scope: 'read',
        ...(granted && { key: granted }),
      }),
    })
    handle = createRequestListener(handler)
    api = await startApi(tokens, issuerUrl, decryptionKey)
  })
  afterAll(async () => {
    await Promise.all([server.close(), api.close()])
  })

  const post = (path: string, form: Readonly<Record<string, string>>): Promise<Response> =>
    fetch(issuerUrl + path, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from('app:app-secret').toString('base64')}` },
      body: new URLSearchParams(form),
    })
  async function askForToken({ form, key }: Binding): Promise<Record<string, unknown>> {
    granted = key
    const response = await post('/token', { grant_type: 'client_credentials', ...form })
    expect(response.status).toBe(200)
    return (await response.json()) as Record<string, unknown>
  }
  async function statusOf(accessToken: string, key: ProofKey): Promise<number> {
    const cover = { query: true, body: true } as const satisfies PopFetchOptions['cover']
    const popFetch = createPopFetch({ accessToken, key, cover })
    const url = `http://127.0.0.1:${api.port}/photos?size=small`
    return (await popFetch(url, { method: 'POST', body: '{}' })).status
  }

  test.each(Object.entries(bindings))(
    'bound to %s works with that key only',
    async (_, binding) => {
      const response = await askForToken(binding)
      const accessToken = String(response['access_token'])
      const key = binding.own ?? (response['access_token_key'] as ProofKey)
      expect(response['access_token_key'] === undefined).toBe(binding.own !== undefined)
      expect(await statusOf(accessToken, key)).toBe(200)
      expect(await statusOf(accessToken, binding.other)).toBe(401)
      const bearer = { authorization: `Bearer ${accessToken}` }
      const stolen = await fetch(`http://127.0.0.1:${api.port}/photos`, { headers: bearer })
      expect(stolen.status).toBe(401)
    },
  )

  test('is inactive to whoever introspects it, once it is revoked', async () => {
    const { access_token: token } = await askForToken(bindings["the client's key"] as Binding)
    expect((await post('/revoke', { token: String(token) })).status).toBe(200)
    const isOpaque = tokens === 'opaque'
    // The API verifies a JWT by itself, and asks nobody.
    expect(await statusOf(String(token), pair)).toBe(isOpaque ? 401 : 200)
  })
})

function startApi(
  tokens: 'opaque' | 'jwt',
  issuer: string,
  decryptionKey: JWK,
): Promise<AdapterServer> {
  const decryptionKeys = [{ ...decryptionKey }]
  const resolver: TokenResolver =
    tokens === 'jwt'
      ? jwtTokens({ issuer, audience, decryptionKeys })
      : introspectedTokens({
          endpoint: `${issuer}/introspect`,
          clientId: 'api',
          clientSecret: 'api-secret',
          audience,
          decryptionKeys,
        })
  const schemes = [pop({ algorithms: ['ES256', 'RS256', 'HS256'] })]
  const express = hosts['Express 5'] as AdapterHarness
  // The client signs in the second in which the API starts.
  const replay = memoryReplayStore({ restartGuard: 'off' })
  return express.start({ publicUrl: 'request', tokens: resolver, schemes, replay })
}
