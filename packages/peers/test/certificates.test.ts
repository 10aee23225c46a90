import type { RequestListener } from 'node:http'
import {
  introspectedTokens,
  jwtTokens,
  mtls,
  popMiddleware,
  type PopMiddlewareOptions,
} from '@oauth-pop/express'
import { popPlugin } from '@oauth-pop/fastify'
import { listen, readCertificate, serverTls } from '@oauth-pop/testkit'
import express from 'express'
import fastify from 'fastify'
import * as openid from 'openid-client-6'
import { describe, expect, onTestFinished, test } from 'vitest'
import { api, audiences, type TokenForm } from './authorization-server.ts'
import { fetchAs, requestAs } from './certificate-clients.ts'
import { startCertificateServer, type CertificateServer } from './certificate-server.ts'

const frameworks = {
  Express: (options: PopMiddlewareOptions): Promise<RequestListener> => {
    const app = express()
    app.set('env', 'test')
    app.use(popMiddleware(options))
    app.use((request, response) => void response.json(request.accessToken.scheme))
    return Promise.resolve(app)
  },
  Fastify: async (options: PopMiddlewareOptions): Promise<RequestListener> => {
    const app = fastify()
    await app.register(popPlugin, options)
    app.get('/*', (request, reply) =>
      reply.type('application/json').send(JSON.stringify(request.accessToken.scheme)),
    )
    await app.ready()
    return (request, response) => app.routing(request, response)
  },
}

async function startApi(
  { issuer, introspectionEndpoint: endpoint }: CertificateServer,
  form: TokenForm,
  framework: keyof typeof frameworks,
): Promise<string> {
  const trusting = fetchAs()
  const audience = audiences[form]
  const [clientId, clientSecret] = [api.id, api.secret]
  const tokens =
    form === 'jwt'
      ? jwtTokens({ issuer, audience, fetch: trusting })
      : introspectedTokens({ endpoint, clientId, clientSecret, audience, fetch: trusting })
  let handler: RequestListener = () => {}
  const { port, close } = await listen((...both) => handler(...both), undefined, serverTls())
  onTestFinished(close)
  const publicUrl = `https://127.0.0.1:${port}`
  handler = await frameworks[framework]({ publicUrl, tokens, schemes: [mtls()] })
  return `${publicUrl}/photos`
}

type Extras = Parameters<typeof openid.clientCredentialsGrant>[2]

/** A token of `openid-client`, which knows the server by its metadata. */
async function obtain(
  server: CertificateServer,
  name: 'alice' | 'bob',
  form: TokenForm,
  extras?: (configuration: openid.Configuration) => Extras,
): Promise<{ configuration: openid.Configuration; token: string; type: string }> {
  const metadata = { use_mtls_endpoint_aliases: true }
  const customFetch = fetchAs(name) as openid.CustomFetch
  const options = { [openid.customFetch]: customFetch }
  const how = openid.TlsClientAuth()
  const url = new URL(server.issuer)
  const configuration = await openid.discovery(url, name, metadata, how, options)
  const asked = { scope: 'photos', resource: audiences[form] }
  const answer = await openid.clientCredentialsGrant(configuration, asked, extras?.(configuration))
  return { configuration, token: answer.access_token, type: answer.token_type }
}

/** `200` with the scheme, or the status and error of the refusal. */
async function describeAnswer(response: Response): Promise<string> {
  if (response.status === 200) return `200 ${String(await response.json())}`
  return `${response.status} ${/error="(\w+)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1]}`
}

describe.each([
  ['jwt', 'Express'],
  ['opaque', 'Fastify'],
] as const)('a token of oidc-provider in the form %s on %s', (form, framework) => {
  test.each(['alice', 'bob'] as const)(
    'is for the certificate with which openid-client got it: %s',
    { tags: ['mtls-bound'] },
    async (name) => {
      const server = await startCertificateServer()
      const url = await startApi(server, form, framework)
      const { configuration, token, type } = await obtain(server, name, form)
      expect(type).toBe('bearer')
      const response = await openid.fetchProtectedResource(
        configuration,
        token,
        new URL(url),
        'GET',
      )
      expect(await describeAnswer(response)).toBe('200 mTLS')

      const headers = { authorization: `Bearer ${token}` }
      const ask = async (who?: 'alice' | 'bob' | 'mallory'): Promise<string> =>
        describeAnswer(await fetchAs(who)(url, { headers }))
      expect(await ask(name)).toBe('200 mTLS')
      expect(await ask(name === 'alice' ? 'bob' : 'alice')).toBe('401 invalid_token')
      expect(await ask('mallory')).toBe('401 invalid_token')
      expect(await ask()).toBe('401 invalid_token')
      expect(await requestAs(name)(url, headers)).toBe(200)
      expect(await requestAs('mallory')(url, headers)).toBe(401)
      expect(await requestAs()(url, headers)).toBe(401)
    },
  )
})

test('oidc-provider binds no token to a certificate and a DPoP key at once', async () => {
  const server = await startCertificateServer()
  const key = await openid.randomDPoPKeyPair('ES256')
  const asked = obtain(server, 'bob', 'jwt', (known) => ({
    DPoP: openid.getDPoPHandle(known, key),
  }))
  await expect(asked).rejects.toMatchObject({ error: 'invalid_request', status: 400 })
})

test('oidc-provider gives a client with the certificate of somebody else no token', async () => {
  const server = await startCertificateServer()
  const forms = { grant_type: 'client_credentials', scope: 'photos', resource: audiences.jwt }
  for (const [name, status] of [
    ['bob', 200],
    ['server', 401],
    ['mallory', 401],
  ] as const) {
    const body = new URLSearchParams({ ...forms, client_id: 'bob' })
    const answer = await fetchAs(name)(`${server.issuer}/token`, { method: 'POST', body })
    expect(answer.status).toBe(status)
    const { access_token: token } = (await answer.json()) as { access_token?: string }
    if (token === undefined) continue
    const [, payload = ''] = token.split('.')
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      cnf: { 'x5t#S256': readCertificate('bob').thumbprint },
    })
  }
})
