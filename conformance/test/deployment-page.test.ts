import { once } from 'node:events'
import * as http from 'node:http'
import type { Duplex } from 'node:stream'
import { configure as serverlessExpress } from '@codegenie/serverless-express'
import awsLambdaFastify from '@fastify/aws-lambda'
import * as client from '@oauth-pop/client'
import * as core from '@oauth-pop/core'
import { popMiddleware, storedTokens } from '@oauth-pop/express'
import oauthPop from '@oauth-pop/fastify'
import {
  addressOf,
  apiUrl,
  challengesOf,
  createRequests,
  hashOf,
  sendRaw,
  type RawRequest,
  type RawResponse,
} from '@oauth-pop/testkit'
import express from 'express'
import fastify from 'fastify'
import serverlessHttp from 'serverless-http'
import { afterEach, describe, expect, test } from 'vitest'
import { readBlock, runExample } from '../../packages/express/test/example.ts'

const page = 'docs/deployment.md'
const { tokens, sign, signed, signedPost, anonymous } = createRequests()
const closing: http.Server[] = []
afterEach(() => {
  for (const server of closing.splice(0)) server.close().closeAllConnections()
})

/** The modules of an example, which takes its tokens from here. */
const modules = {
  'node:http': http,
  '@oauth-pop/core': { ...core, jwtTokens: () => tokens },
  'serverless-http': { default: serverlessHttp },
}

async function startServer(
  heading: string,
  given: object = {},
): Promise<(request: RawRequest) => Promise<RawResponse>> {
  const setting = { modules, given: { ...given } }
  const server = (await runExample(
    readBlock(page, 'ts', heading),
    'server',
    setting,
  )) as http.Server
  closing.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  return (request) => sendRaw(addressOf(server).port, request)
}

describe('the server behind auth_request', () => {
  /** As a proxy asks for a request that it has. */
  const asked = ({ method, target, headers }: RawRequest): RawRequest => ({
    method: 'GET',
    target: '/verify',
    headers: [...headers, ['X-Forwarded-Method', method], ['X-Forwarded-Uri', target]],
  })
  const start = (): ReturnType<typeof startServer> => startServer('## nginx')

  test('lets the client in that holds the key, and says who it is', async () => {
    const send = await start()
    const answer = await send(asked(signed({}, { method: 'POST', target: '/items?a=1' })))
    expect(answer.status).toBe(204)
    expect(Object.fromEntries(answer.headers)).toMatchObject({ 'x-subject': 'alice' })
  })

  test.each<[string, number, () => RawRequest]>([
    ['no credential', 401, () => asked(anonymous())],
    ['another path', 401, () => asked({ ...signed(), target: '/other' })],
    ['another method', 401, () => asked({ ...signed(), method: 'PUT' })],
    ['no forwarded request', 401, signed],
    ['a signed body', 500, () => asked(signed({ b: hashOf('body') }))],
  ])('answers %s with %i', async (_, status, build) => {
    const send = await start()
    const answer = await send(build())
    expect([answer.status, answer.headers.some(([name]) => name === 'x-subject')]).toEqual([
      status,
      false,
    ])
    expect(challengesOf(answer).length > 0).toBe(status === 401)
  })

  test('takes a request once', async () => {
    const send = await start()
    const request = asked(signed())
    expect([(await send(request)).status, (await send(request)).status]).toEqual([204, 401])
  })
})

test('the listener for upgrades opens a socket for the holder of the key only', async () => {
  const acceptSocket = (
    _request: unknown,
    socket: Duplex,
    _head: unknown,
    token: core.AccessToken,
  ) =>
    socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n${token.subject}`)
  const send = await startServer('## WebSockets', { acceptSocket })
  const upgrade = [
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
  ] as const
  const shakeHands = (request: RawRequest): ReturnType<typeof send> =>
    send({ ...request, headers: [...request.headers, ...upgrade] })
  expect(await shakeHands(signed())).toMatchObject({ status: 200, body: 'alice' })
  expect(await shakeHands(anonymous())).toMatchObject({ status: 401 })
})

test('a URL for EventSource is good for one request', async () => {
  const key = await client.generateKeyPair({ algorithm: 'ES256' })
  const code = readBlock(page, 'ts', '## EventSource')
  const url = (await runExample(code, 'url', {
    modules: { '@oauth-pop/client': client },
    given: { key, accessToken: 'an-access-token' },
  })) as URL
  const record = { aud: apiUrl, cnf: { jwk: key.jwk } }
  const verifier = core.createVerifier({
    publicUrl: apiUrl,
    tokens: storedTokens(() => record, { audience: apiUrl }),
    // The URL was signed in the second in which the verifier is made.
    replay: core.memoryReplayStore({ restartGuard: 'off' }),
  })
  const ask = (target: string): Promise<string> => {
    const rawHeaders = ['Host', 'api.example.com']
    return verifier.verify({ method: 'GET', target, rawHeaders }).then(
      ({ accessToken }) => `queryComplete ${accessToken.coverage.queryComplete}`,
      ({ code: refused }: core.PopError) => refused,
    )
  }
  const target = url.pathname + url.search
  expect(await ask(target.replace('photos', 'other'))).toBe('ERR_POP_QUERY_MISMATCH')
  expect(await ask(target)).toBe('queryComplete true')
  expect(await ask(target)).toBe('ERR_POP_PROOF_REPLAYED')
})

test.each([
  ['the signed body', 'body', 'accepted'],
  ['another body', 'other', 'ERR_POP_BODY_MISMATCH'],
])('a verifier of your own judges %s that was parsed early', async (_, sent, outcome) => {
  const code = readBlock(page, 'ts', 'Where the platform parses')
  const createCheck = (await runExample(code, 'createCheck', { modules })) as (
    options: core.VerifierOptions,
  ) => (request: object) => Promise<core.Verification>
  const check = createCheck({ publicUrl: apiUrl, tokens })
  const {
    method,
    target: originalUrl,
    headers,
  } = signed({ m: 'POST', b: hashOf('body') }, { method: 'POST' })
  const rawHeaders = headers.flat()
  const result = check({ method, originalUrl, rawHeaders, rawBody: Buffer.from(sent) })
  expect(
    await result.then(
      () => 'accepted',
      ({ code: refused }: core.PopError) => refused,
    ),
  ).toBe(outcome)
})

/** Events of API Gateway, with the payload format 1.0 and 2.0. */
function eventsOf({ method, target, headers, body }: RawRequest): object[] {
  const rest = {
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
    body: body === undefined ? null : Buffer.from(body).toString(),
    isBase64Encoded: false,
  }
  const multiValueHeaders = Object.fromEntries(
    Object.entries(rest.headers).map(([name, value]) => [name, [value]]),
  )
  return [
    {
      ...rest,
      httpMethod: method,
      path: target,
      multiValueHeaders,
      requestContext: { httpMethod: method, path: target, identity: { sourceIp: '192.0.2.1' } },
    },
    {
      ...rest,
      version: '2.0',
      rawPath: target,
      rawQueryString: '',
      requestContext: { http: { method, path: target, sourceIp: '192.0.2.1' } },
    },
  ]
}

type Handler = (event: object, context: object) => Promise<{ statusCode: number; body: string }>

describe('bridges to serverless functions', () => {
  function expressApp(): express.Express {
    const app = express().set('env', 'test')
    app.use(popMiddleware({ publicUrl: apiUrl, tokens }))
    app.use((request, response) => void response.send(request.accessToken.subject))
    return app
  }

  async function fastifyApp(): Promise<ReturnType<typeof fastify>> {
    const app = fastify()
    await app.register(oauthPop, { publicUrl: apiUrl, tokens })
    app.all('/items', (request) => request.accessToken.subject)
    await app.ready()
    return app
  }

  const fixed = async (): Promise<unknown> =>
    runExample(readBlock(page, 'ts', '## Serverless functions'), 'handler', {
      modules,
      given: { app: expressApp() },
    })

  test.each<[string, readonly number[], () => unknown]>([
    ['@fastify/aws-lambda', [200, 401], async () => awsLambdaFastify(await fastifyApp())],
    ['@codegenie/serverless-express', [200, 401], () => serverlessExpress({ app: expressApp() })],
    ['serverless-http with Fastify', [200, 401], async () => serverlessHttp(await fastifyApp())],
    ['serverless-http with Express', [500, 500], () => serverlessHttp(expressApp())],
    ['serverless-http with Express and the page', [200, 401], fixed],
  ])('%s answers %j to the client and a thief', async (_, statuses, build) => {
    const handler = (await build()) as Handler
    for (const version of [0, 1]) {
      const [good, bad] = await Promise.all(
        [
          signedPost('text/plain', 'body', { b: hashOf('body') }),
          signedPost('text/plain', 'evil', { b: hashOf('body') }),
        ].map((request) => handler(eventsOf(request)[version] as object, {})),
      )
      expect([good?.statusCode, bad?.statusCode]).toEqual(statuses)
    }
  })

  test('a second credential stays visible to the set-up of the page', async () => {
    const handler = (await fixed()) as Handler
    const [event] = eventsOf(signed()) as { multiValueHeaders: Record<string, string[]> }[]
    event?.multiValueHeaders['authorization']?.push(`PoP ${sign()}`)
    expect(await handler(event as object, {})).toMatchObject({ statusCode: 400 })
  })
})
