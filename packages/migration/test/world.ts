import { createHash, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { listen, type AdapterServer, type RawRequest, type RawResponse } from '@oauth-pop/testkit'
import { calculateJwkThumbprint, exportJWK, SignJWT, type JWK } from 'jose'
import { afterAll } from 'vitest'

export const api = 'https://api.example.com'

const servers: AdapterServer[] = []
afterAll(() => Promise.all(servers.map((server) => server.close())))

export async function serve(listener: RequestListener): Promise<number> {
  const server = await listen(listener)
  servers.push(server)
  return server.port
}

const issuerKeys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const strangerKeys = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** An authorization server as far as an API sees it. Its `iss` ends with a slash, like that of Auth0. */
export async function startIssuer(): Promise<string> {
  const jwk = { ...(await exportJWK(issuerKeys.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }
  const port = await serve(({ headers, url }, response) => {
    const own = `http://${String(headers.host)}`
    const metadata = {
      issuer: `${own}/`,
      jwks_uri: `${own}/.well-known/jwks.json`,
      id_token_signing_alg_values_supported: ['RS256'],
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(url === '/.well-known/jwks.json' ? { keys: [jwk] } : metadata))
  })
  return `http://127.0.0.1:${port}`
}

type Claims = Readonly<Record<string, unknown>>

/** A key of a client. */
export interface ClientKey {
  readonly privateKey: KeyObject
  readonly jwk: JWK
  readonly jkt: string
}

export async function createKey(): Promise<ClientKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = await exportJWK(publicKey)
  return { privateKey, jwk, jkt: await calculateJwkThumbprint(jwk) }
}

export function now(): number {
  return Math.floor(Date.now() / 1000)
}

/** An access token as Auth0 makes it by default; undefined takes a claim away. */
export function createToken(issuer: string, claims: Claims = {}, forged = false): Promise<string> {
  const valid = {
    iss: `${issuer}/`,
    aud: api,
    sub: 'auth0|alice',
    azp: 'app',
    scope: 'photos:read',
    plan: 'pro',
    iat: now(),
    exp: now() + 600,
  }
  return new SignJWT({ ...valid, ...claims })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'k1' })
    .sign((forged ? strangerKeys : issuerKeys).privateKey)
}

/**
 * A proof for `GET /photos`. It is dated two seconds ahead, which every clock tolerates, because a
 * fresh store refuses what was made before it.
 */
export function createProof(key: ClientKey, token: string, claims: Claims = {}): string {
  const payload = {
    jti: randomUUID(),
    htm: 'GET',
    htu: `${api}/photos`,
    iat: now() + 2,
    ath: createHash('sha256').update(token).digest('base64url'),
    ...claims,
  }
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk }
  const input = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = sign('sha256', Buffer.from(input), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  })
  return `${input}.${signature.toString('base64url')}`
}

/** A request as it leaves a proxy that speaks TLS to clients. */
export function getPhotos(
  headers: readonly (readonly [string, string])[],
  target = '/photos',
): RawRequest {
  const proxy = [
    ['Host', 'api.example.com'],
    ['X-Forwarded-Proto', 'https'],
  ] as const
  return { method: 'GET', target, headers: [...proxy, ...headers] }
}

export const asBearer = (token: string): readonly [string, string] => [
  'Authorization',
  `Bearer ${token}`,
]
export const asDpop = (token: string): readonly [string, string] => [
  'Authorization',
  `DPoP ${token}`,
]

/** The status, and each challenge with its error: ``400 `Bearer`, `DPoP invalid_token` ``. */
export function describeAnswer({ status, headers, body }: RawResponse): string {
  if (status === 200 && body !== '{"user":"auth0|alice"}') throw new Error(`200 with ${body}`)
  const value = headers
    .filter(([name]) => name === 'www-authenticate')
    .map(([, line]) => line)
    .join(', ')
  const challenges = value.split(/(?:^|, )(?=(?:Bearer|DPoP|PoP)(?: |$))/).filter(Boolean)
  const told = challenges.map((challenge) => {
    const scheme = challenge.split(' ')[0]
    const error = /error="(\w+)"/.exec(challenge)?.[1]
    return `\`${[scheme, error].filter(Boolean).join(' ')}\``
  })
  return [status, told.join(', ')].filter(Boolean).join(' ')
}
