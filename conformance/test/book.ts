import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { listen, type RawRequest } from '@oauth-pop/testkit'

type Json = Readonly<Record<string, unknown>>

/** What the authorization server answers to its client: the key pair is of the server's making. */
export interface TokenResponse {
  readonly access_token: string
  readonly access_token_key: Json
  readonly token_type: 'PoP'
  readonly scope: readonly string[]
  readonly alg: 'RS256'
}

/** One question to the authorization server, and its answer. */
interface Exchange {
  readonly request: string
  readonly contentType: string | undefined
  readonly body: string
  readonly answer: string
}

export interface AuthorizationServer {
  readonly url: string
  readonly exchanges: readonly Exchange[]
  /** Stands for the pages that end with the owner's consent; answers the code. */
  readonly approve: () => string
  readonly revoke: (accessToken: string) => void
  readonly close: () => Promise<void>
}

const client = ['oauth-client-1', 'oauth-client-secret-1'] as const
export const protectedResource = ['protected-resource-1', 'protected-resource-secret-1'] as const

/** The authorization server of chapter 15 of "OAuth 2 in Action", as far as messages show it. */
export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const codes = new Set<string>()
  const tokens = new Map<string, Json>()
  const exchanges: Exchange[] = []

  function issue(form: URLSearchParams): readonly [number, Json] {
    const known = codes.delete(form.get('code') ?? '')
    if (form.get('grant_type') !== 'authorization_code' || !known) {
      return [400, { error: 'invalid_grant' }]
    }
    const response = createTokenResponse()
    const { kty, kid, e, n } = response.access_token_key
    tokens.set(response.access_token, { kty, kid, e, n })
    return [200, { ...response }]
  }

  function introspect(form: URLSearchParams): readonly [number, Json] {
    const key = tokens.get(form.get('token') ?? '')
    return [200, key === undefined ? { active: false } : describeToken(key)]
  }

  const routes: Readonly<Record<string, Route>> = {
    'POST /token': { caller: client, answer: issue },
    'POST /introspect': { caller: protectedResource, answer: introspect },
  }
  const { port, close } = await listen(serve(routes, (exchange) => exchanges.push(exchange)))
  return {
    url: `http://127.0.0.1:${port}`,
    exchanges,
    close,
    approve() {
      const code = alphanumerics(8)
      codes.add(code)
      return code
    },
    revoke: (accessToken) => void tokens.delete(accessToken),
  }
}

interface Route {
  readonly caller: readonly [string, string]
  readonly answer: (form: URLSearchParams) => readonly [number, Json]
}

function serve(
  routes: Readonly<Record<string, Route>>,
  log: (exchange: Exchange) => void,
): RequestListener {
  async function respond(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = `${incoming.method} ${incoming.url}`
    const body = await text(incoming)
    const [status, json] = answer(routes[request], incoming, body)
    const sent = JSON.stringify(json)
    log({ request, contentType: incoming.headers['content-type'], body, answer: sent })
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(sent)
  }
  return (incoming, response) => void respond(incoming, response)
}

function answer(
  route: Route | undefined,
  { headers }: IncomingMessage,
  body: string,
): readonly [number, Json] {
  if (route === undefined) return [404, {}]
  const credentials = decodeBasic(headers.authorization ?? '')
  if (credentials !== route.caller.join(':')) return [401, { error: 'invalid_client' }]
  return route.answer(new URLSearchParams(body))
}

/** RFC 6749 section 2.3.1: both parts are form-encoded before they are joined. */
function decodeBasic(authorization: string): string {
  const [, encoded = ''] = /^Basic (.+)$/.exec(authorization) ?? []
  return decodeURIComponent(Buffer.from(encoded, 'base64').toString())
}

/** No `cnf`, `exp`, `token_type`, `alg` or `sub`. */
function describeToken(publicKey: Json): Json {
  return {
    active: true,
    iss: 'http://localhost:9001/',
    aud: 'http://localhost:9002/',
    scope: 'foo',
    client_id: client[0],
    access_token_key: publicKey,
  }
}

/** No `expires_in`; `scope` is a list. */
function createTokenResponse(): TokenResponse {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { kty, e, n, d, p, q, dp, dq, qi } = privateKey.export({ format: 'jwk' })
  return {
    access_token: alphanumerics(32),
    access_token_key: { kty, kid: alphanumerics(8), e, n, d, p, q, dp, dq, qi },
    token_type: 'PoP',
    scope: ['foo'],
    alg: 'RS256',
  }
}

function alphanumerics(length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  return Array.from(randomBytes(length), (byte) => alphabet[byte % alphabet.length]).join('')
}

/** The client's side of the token endpoint. */
export async function obtainToken(server: AuthorizationServer): Promise<TokenResponse> {
  const credentials = Buffer.from(client.map(encodeURIComponent).join(':')).toString('base64')
  const response = await fetch(`${server.url}/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${credentials}` },
    body: new URLSearchParams({ grant_type: 'authorization_code', code: server.approve() }),
  })
  return (await response.json()) as TokenResponse
}

/** What differs from the proof that the client makes; undefined takes a member away. */
export interface ProofChange {
  readonly header?: Json
  readonly payload?: Json
  readonly sign?: (input: string) => Buffer
}

export function signProof(
  { access_token: at, access_token_key: key, alg }: TokenResponse,
  ts: number,
  change: ProofChange = {},
): string {
  const header = { typ: 'PoP', alg, kid: key['kid'], ...change.header }
  const payload = { at, ts, m: 'POST', u: 'localhost:9002', p: '/resource', ...change.payload }
  const input = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = (change.sign ?? signWith(key))(input)
  return `${input}.${signature.toString('base64url')}`
}

export function signWith(key: Json, hash = 'sha256'): (input: string) => Buffer {
  const privateKey = createPrivateKey({ key: { ...key }, format: 'jwk' })
  return (input) => sign(hash, Buffer.from(input), privateKey)
}

/** The request as the client sends it: these headers, in this order. */
export function resourceCall(authorization: string, change: Partial<RawRequest> = {}): RawRequest {
  return {
    method: 'POST',
    target: '/resource',
    headers: [
      ['Authorization', authorization],
      ['Content-Type', 'application/x-www-form-urlencoded'],
      ['Content-Length', '0'],
      ['Host', 'localhost:9002'],
      ['Connection', 'close'],
    ],
    ...change,
  }
}
