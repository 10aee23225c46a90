import { createPublicKey, randomUUID, verify, type JsonWebKey } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import * as client from '@oauth-pop/client'
import { createIssuer, createIssuerHandler } from '@oauth-pop/issuer'
import { challengesOf, listen, sendRaw, type RawRequest } from '@oauth-pop/testkit'
import { createRequestListener } from '@remix-run/node-fetch-server'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { appOf, readBlock, runExample } from '../../packages/express/test/example.ts'
import {
  obtainToken,
  protectedResource,
  resourceCall,
  signProof,
  startAuthorizationServer,
  type ProofChange,
  type TokenResponse,
} from './book.ts'

const page = 'docs/book.md'
const server = await startAuthorizationServer()
const token = await obtainToken(server)
const closing: (() => Promise<void>)[] = []
afterEach(() => Promise.all(closing.splice(0).map((close) => close())))
afterAll(server.close)

type Send = (request: RawRequest) => ReturnType<typeof sendRaw>

/** The protected resource of the page, with the ports of this test. */
async function start(replacements: Readonly<Record<string, string>> = {}): Promise<Send> {
  const code = readBlock(page, 'ts', '## The protected resource')
  const { port } = await serve(
    await appOf(code, { 'http://localhost:9001': server.url, ...replacements }),
  )
  return (request) => sendRaw(port, request)
}

async function serve(listener: Parameters<typeof listen>[0]): ReturnType<typeof listen> {
  const started = await listen(listener)
  closing.push(started.close)
  return started
}

// A second ahead: the memory store refuses proofs of the second in which a server starts.
const now = (): number => Math.floor(Date.now() / 1000) + 1
const callAt = (ts: number, change?: ProofChange): RawRequest =>
  resourceCall(`PoP ${signProof(token, ts, change)}`)

describe('the protected resource of the page', () => {
  test('lets the client of the exercise in', async () => {
    const send = await start()
    expect(await send(callAt(now()))).toMatchObject({
      status: 200,
      body: '{"client":"oauth-client-1"}',
    })
  })

  test('refuses the second of two equal proofs', async () => {
    const send = await start()
    const ts = now()
    expect((await send(callAt(ts))).status).toBe(200)
    expect((await send(callAt(ts))).status).toBe(401)
  })

  test('takes every call of a client with the one line of the page', async () => {
    const send = await start()
    const [, member = '', value = ''] = /^(\w+): (.*),$/m.exec(readBlock(page, 'js')) ?? []
    expect([member, value]).toEqual(['jti', 'crypto.randomUUID()'])
    const ts = now()
    for (const call of [1, 2, 3]) {
      const { status } = await send(callAt(ts, { payload: { [member]: randomUUID() } }))
      expect([call, status]).toEqual([call, 200])
    }
  })

  test('would refuse that client for ever if nonces were required', async () => {
    const send = await start({ 'nonce: { required: false }': 'nonce: {}' })
    for (const ts of [now(), now() - 1]) {
      const answer = await send(callAt(ts))
      expect([answer.status, challengesOf(answer).join()]).toEqual([
        401,
        expect.stringContaining('use_pop_nonce'),
      ])
    }
  })

  test.each([
    [
      'the audience without its slash',
      401,
      { "'http://localhost:9002/'": "'http://localhost:9002'" },
    ],
    ['another scope', 403, { "'foo'": "'bar'" }],
    ['another publicUrl', 401, { "'http://localhost:9002'": "'http://localhost:9003'" }],
  ] as const)('with %s answers %i', async (_, status, replacements) => {
    const send = await start(replacements)
    expect((await send(callAt(now()))).status).toBe(status)
  })

  test.each<[string, number, () => RawRequest]>([
    ['an old ts', 401, () => callAt(now() - 302)],
    ['a ts ahead', 401, () => callAt(now() + 60)],
    ['no member but the token', 401, () => callAt(now(), { payload: { m: undefined } })],
    ['no credential', 401, () => ({ ...callAt(now()), headers: [['Host', 'localhost:9002']] })],
    ['no proof', 400, () => resourceCall('PoP')],
  ])('answers a request with %s', async (_, status, build) => {
    const send = await start()
    const answer = await send(build())
    expect(answer.status).toBe(status)
    expect(challengesOf(answer)[0]).toMatch(/^PoP /)
  })

  test('reads the proof from the form', async () => {
    const send = await start()
    const { headers, ...rest } = callAt(now())
    const [, ...anonymous] = headers
    const answer = await send({
      ...rest,
      headers: anonymous.filter(([name]) => name !== 'Content-Length'),
      body: Buffer.from(`pop_access_token=${signProof(token, now())}`),
    })
    expect(answer.status).toBe(200)
  })
})

/** The client of the page, whose port 9002 is another one here. */
function fetchAs(tokenResponse: TokenResponse, port: number): Promise<unknown> {
  const code = readBlock(page, 'ts', '## The client')
  const createPopFetch: typeof client.createPopFetch = (options) =>
    client.createPopFetch({
      ...options,
      now: () => Date.now() + 1000,
      fetch: (url, init) =>
        fetch(`${url as string}`.replace('localhost:9002', `127.0.0.1:${port}`), init),
    })
  const modules = { '@oauth-pop/client': { ...client, createPopFetch } }
  return runExample(code, 'answer', { modules, given: { tokenResponse } })
}

/** What the resource server of the exercise looks at, as far as messages show it. */
async function judge({ method, url, headers }: IncomingMessage): Promise<boolean> {
  const [, proof = ''] = /^pop (.+)$/i.exec(headers.authorization ?? '') ?? []
  const [header = '', payload = '', signature = ''] = proof.split('.')
  const { alg } = decode(header)
  const { at, m, u, p } = decode(payload)
  const answer = await fetch(`${server.url}/introspect`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(protectedResource.join(':')).toString('base64')}`,
    },
    body: new URLSearchParams({ token: String(at) }),
  })
  const { active, access_token_key: key } = (await answer.json()) as {
    active: boolean
    access_token_key: JsonWebKey
  }
  if (!active || alg !== 'RS256') return false
  const signed = Buffer.from(`${header}.${payload}`)
  const intact = verify(
    'sha256',
    signed,
    createPublicKey({ key, format: 'jwk' }),
    Buffer.from(signature, 'base64url'),
  )
  return intact && [m, u, p].join() === [method, 'localhost:9002', url].join()
}

const decode = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>

describe('the client of the page', () => {
  test("gets into the exercise's protected resource", async () => {
    const { port } = await serve((request, response) => {
      void judge(request).then((good) => response.writeHead(good ? 200 : 401).end())
    })
    expect(await fetchAs(token, port)).toMatchObject({ status: 200 })
    const thief = await obtainToken(server)
    const stolen = { ...thief, access_token: token.access_token }
    expect(await fetchAs(stolen, port)).toMatchObject({ status: 401 })
  })

  test('gets into the protected resource of the page, as often as it likes', async () => {
    const code = readBlock(page, 'ts', '## The protected resource')
    const { port } = await serve(await appOf(code, { 'http://localhost:9001': server.url }))
    for (const call of [1, 2]) {
      const answer = (await fetchAs(token, port)) as Response
      expect([call, answer.status]).toEqual([call, 200])
    }
  })
})

test('the authorization server of the page serves the client of the exercise', async () => {
  const url = 'http://localhost:9001/'
  const issuer = createIssuer({ issuer: url, tokens: 'opaque' })
  const [id, secret] = protectedResource
  const handler = createIssuerHandler({
    issuer,
    clients: {},
    resourceServers: { [id]: { secret } },
    grant: () => Promise.reject(new Error('no token is asked for here')),
  })
  const { port } = await serve(createRequestListener(handler, { host: 'localhost:9001' }))
  const issued = await issuer.issue({
    clientId: 'oauth-client-1',
    audience: 'http://localhost:9002/',
    scope: 'foo',
    key: { by: 'server', algorithm: 'RS256' },
  })
  expect(issued).toMatchObject({ token_type: 'PoP', alg: 'RS256', scope: 'foo', expires_in: 3600 })
  const code = readBlock(page, 'ts', '## The protected resource')
  const app = await appOf(code, { 'http://localhost:9001': `http://127.0.0.1:${port}` })
  const api = await serve(app)
  const proof = signProof(issued as object as TokenResponse, now())
  expect(await sendRaw(api.port, resourceCall(`PoP ${proof}`))).toMatchObject({ status: 200 })
  const { access_token_key: key } = await issuer.introspect(issued.access_token)
  expect(key).toMatchObject({ kty: 'RSA', n: issued.access_token_key?.n })
  expect(key).not.toHaveProperty('d')
})
