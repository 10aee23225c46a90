import { createHash } from 'node:crypto'
import { generateKeyPair } from '@oauth-pop/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthorizationCodes, type AuthorizationCodes } from '../src/authorization-codes.ts'
import { startAuthorizationServer, type AuthorizationServer } from '../src/authorization-server.ts'

const redirectUri = 'http://127.0.0.1:8080/'
const verifier = 'a-verifier-of-43-characters-or-more-as-it-must-be'
const authorization = {
  response_type: 'code',
  client_id: 'photo-page',
  redirect_uri: redirectUri,
  state: 'any state',
  code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  code_challenge_method: 'S256',
}

let server: AuthorizationServer
beforeAll(async () => {
  server = await startAuthorizationServer()
  server.registerRedirectUri(redirectUri)
})
afterAll(() => server.close())

test('a code gets a token that is bound to the key of the page', async () => {
  const response = await requestToken({ code: await getCode() })
  expect(response.status).toBe(200)
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
  const token = (await response.json()) as object
  expect(token).toMatchObject({ token_type: 'PoP' })
  expect(token).not.toHaveProperty('access_token_key')
})

test('a code is good once', async () => {
  const code = await getCode()
  await requestToken({ code })
  expect(await errorOf(requestToken({ code }))).toBe('invalid_grant')
})

test.each([
  ['another verifier', { code_verifier: `${verifier}-not` }],
  ['another redirect URI', { redirect_uri: `${redirectUri}other` }],
])('a code is of no use with %s', async (_what, change) => {
  expect(await errorOf(requestToken({ code: await getCode(), ...change }))).toBe('invalid_grant')
})

test('a code is of no use to another client', () => {
  const codes = createAuthorizationCodes()
  expect(() => codes.redeem('photo-app', issueFor(codes))).toThrow('not good')
})

test('a code is good for a minute', () => {
  let now = 0
  const codes = createAuthorizationCodes(() => now)
  const [first, second] = [issueFor(codes), issueFor(codes)]
  now = 59_999
  expect(() => codes.redeem('photo-page', first)).not.toThrow()
  now = 60_000
  expect(() => codes.redeem('photo-page', second)).toThrow('not good')
})

test.each([
  ['another client', { client_id: 'photo-app' }],
  ['another redirect URI', { redirect_uri: `${redirectUri}other` }],
  ['another response type', { response_type: 'token' }],
  ['a plain challenge', { code_challenge_method: 'plain' }],
  ['no challenge', { code_challenge: '' }],
])('signing in with %s is refused on the spot', async (_what, change) => {
  const response = await authorize('POST', change)
  expect(response.status).toBe(400)
  expect(response.headers.has('location')).toBe(false)
})

test('a form of another site cannot say yes for the user', async () => {
  expect((await authorize('POST')).status).toBe(303)
  for (const origin of ['https://evil.example', 'null'])
    expect((await authorize('POST', {}, origin)).status).toBe(400)
})

test('a user is asked before there is a code, and no other page can show or read the question', async () => {
  const response = await authorize('GET')
  expect(await response.text()).toContain('Allow as alice')
  expect(response.headers.get('x-frame-options')).toBe('DENY')
  expect(response.headers.has('access-control-allow-origin')).toBe(false)
})

test('the page gets nothing without a user', async () => {
  const response = requestToken({ grant_type: 'client_credentials' })
  expect(await errorOf(response)).toBe('unauthorized_client')
})

function authorize(
  method: string,
  change: Record<string, string> = {},
  origin = server.url,
): Promise<Response> {
  const query = new URLSearchParams({ ...authorization, ...change }).toString()
  return fetch(`${server.url}/authorize?${query}`, {
    method,
    headers: { origin },
    redirect: 'manual',
  })
}

/** The form that redeems a fresh code. */
function issueFor(codes: AuthorizationCodes): URLSearchParams {
  const codeChallenge = authorization.code_challenge
  const code = codes.issue({ clientId: 'photo-page', redirectUri, codeChallenge })
  return new URLSearchParams({ code, redirect_uri: redirectUri, code_verifier: verifier })
}

async function getCode(): Promise<string> {
  const response = await authorize('POST')
  const { searchParams } = new URL(response.headers.get('location') as string)
  expect(searchParams.get('state')).toBe(authorization.state)
  expect(searchParams.get('iss')).toBe(server.url)
  return searchParams.get('code') as string
}

async function requestToken(change: Record<string, string>): Promise<Response> {
  const { thumbprint } = await generateKeyPair({ algorithm: 'ES256' })
  const form = {
    grant_type: 'authorization_code',
    client_id: 'photo-page',
    redirect_uri: redirectUri,
    code_verifier: verifier,
    resource: 'http://127.0.0.1:8081',
    req_cnf: Buffer.from(JSON.stringify({ kid: thumbprint })).toString('base64url'),
    ...change,
  }
  return fetch(`${server.url}/token`, { method: 'POST', body: new URLSearchParams(form) })
}

async function errorOf(response: Promise<Response>): Promise<unknown> {
  return ((await (await response).json()) as Record<string, unknown>)['error']
}
