import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { createRequest, sendResponse } from '@remix-run/node-fetch-server'
import { memoryReplayStore } from '@oauth-pop/core'
import { dpop, introspectedTokens, jwtTokens, mtls, pop, popMiddleware } from '@oauth-pop/express'
import {
  createIssuer,
  createIssuerHandler,
  memoryTokenStore,
  type Grant,
  type GrantRequest,
  type Issuer,
  type IssuerHandlerOptions,
  type IssuerOptions,
  type TokenStore,
} from '@oauth-pop/issuer'
import { addressOf, readCertificate, readCertificateKey } from '@oauth-pop/testkit'
import express from 'express'
import { TlsClientAuth } from 'oauth4webapi'
import { vi } from 'vitest'
import { privateJwk } from './keys.ts'

/** Who connects: with a certificate, or with none. */
export type Caller = 'alice' | 'mallory' | 'bob' | 'nobody'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Readonly<Record<string, unknown>>
}

const { cert: ca } = readCertificate('ca')
const signingKey = await privateJwk()
export const audience = 'https://api.example.com'

/** Sends one request over a TLS connection of its own; a form makes it a POST. */
export async function send(
  caller: Caller,
  url: string,
  { form, headers = {} }: { form?: object; headers?: object } = {},
): Promise<Answer> {
  const identity =
    caller === 'nobody'
      ? {}
      : { cert: readCertificate(caller).cert, key: readCertificateKey(caller) }
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const options = {
    ...identity,
    ca,
    agent: false,
    method: form ? 'POST' : 'GET',
    headers: { ...(form && type), ...headers },
  } as const
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = httpsRequest(url, options, resolve).on('error', reject)
    outgoing.end(form && new URLSearchParams({ ...form }).toString())
  })
  const body = await text(response)
  const isJson = response.headers['content-type']?.startsWith('application/json')
  return {
    status: Number(response.statusCode),
    headers: response.headers,
    body: JSON.parse(isJson ? body : '{}') as Answer['body'],
  }
}

/** A `fetch` over connections of that caller, for libraries. */
export function fetchAs(caller: Caller) {
  return async (input: string | URL | Request, init?: object): Promise<Response> => {
    const request = new Request(input, init)
    const form = request.method === 'POST' && Object.fromEntries(await readPairs(request))
    const headers = Object.fromEntries(request.headers)
    const answer = await send(caller, request.url, { ...(form && { form }), headers })
    return Response.json(answer.body, { status: answer.status })
  }
}

async function readPairs(request: Request): Promise<URLSearchParams> {
  return new URLSearchParams(await request.text())
}

async function listenTls(handle: (request: IncomingMessage, response: ServerResponse) => void) {
  const { cert } = readCertificate('server')
  const key = readCertificateKey('server')
  const server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false }, handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: `https://localhost:${addressOf(server).port}`, close }
}

/** An authorization server and an API of ours, which both ask for certificates. */
export async function startServers({
  issuer = {},
  ...options
}: Partial<Omit<IssuerHandlerOptions, 'issuer'>> & { issuer?: Partial<IssuerOptions> } = {}) {
  let handle: ReturnType<typeof createIssuerHandler>
  const server = await listenTls((request, response) => {
    const certificate = (request.socket as TLSSocket).getPeerX509Certificate()?.raw
    void handle(createRequest(request, response), { certificate }).then((answer) =>
      sendResponse(response, answer),
    )
  })
  const { url } = server
  const kept = memoryTokenStore()
  const put = vi.fn<TokenStore['put']>((...record) => kept.put(...record))
  const store = { ...kept, put }
  const grant = vi.fn<(request: GrantRequest) => Grant>(() => ({ audience, scope: 'read' }))
  const live = createIssuer({ issuer: url, tokens: 'jwt', signingKey, store, ...issuer })
  handle = createIssuerHandler({
    issuer: live,
    clients: {
      app: { secret: 'app-secret' },
      bound: { secret: 'bound-secret', tlsClientCertificateBoundAccessTokens: true },
      self: {
        certificates: [readCertificate('alice').thumbprint],
        tlsClientCertificateBoundAccessTokens: true,
      },
      page: { public: true, tlsClientCertificateBoundAccessTokens: true },
    },
    resourceServers: { api: { certificates: [readCertificate('bob').thumbprint] } },
    grant,
    dpop: { replay: memoryReplayStore({ restartGuard: 'off' }) },
    ...options,
  })
  const api = await startApi(live)
  const close = async (): Promise<void> => {
    await Promise.all([server.close(), api.close()])
  }
  return { url, api: api.url, put, grant, close }
}

async function startApi(live: Issuer) {
  const { identifier: issuer } = live
  const introspection = {
    endpoint: `${issuer}/introspect`,
    clientId: 'api',
    audience,
    fetch: fetchAs('bob'),
  }
  const app = express()
  app.use(
    popMiddleware({
      publicUrl: audience,
      schemes: [mtls(), dpop(), pop()],
      tokens: [
        jwtTokens({ issuer, audience, jwks: await live.jwks() }),
        introspectedTokens({ ...introspection, authenticate: TlsClientAuth() }),
      ],
      replay: 'dangerously-none',
    }),
  )
  app.get(
    '/items',
    (request, response) => void response.json({ scheme: request.accessToken.scheme }),
  )
  return listenTls(app)
}
