import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { text } from 'node:stream/consumers'
import {
  introspectedTokens,
  jwtTokens,
  pop,
  storedTokens,
  type Jwk,
  type PopMiddlewareOptions,
} from '@oauth-pop/express'
import { apiUrl, createClock, hashOf, listen, type RawRequest } from '@oauth-pop/testkit'
import { CompactSign, jwtVerify, SignJWT, type CompactJWSHeaderParameters } from 'jose'

export const clock = createClock()
export const now = clock.seconds()

type Json = Readonly<Record<string, unknown>>

/** What a client sends, with the members of JOSE header and payload in its order, and to whom. */
export interface Shape {
  /** The options that the documentation has for such clients. */
  readonly options: Omit<PopMiddlewareOptions, 'publicUrl'>
  readonly header: CompactJWSHeaderParameters
  readonly payload: Json
  readonly key: KeyObject | Uint8Array
  /** The spelling of the scheme. */
  readonly word?: string
  readonly request?: Partial<RawRequest>
  /** What the API learns. */
  readonly result: Json
}

export async function encode({ header, payload, key, word, request }: Shape): Promise<RawRequest> {
  const bytes = Buffer.from(JSON.stringify(payload))
  const proof = await new CompactSign(bytes).setProtectedHeader(header).sign(key)
  const headers: RawRequest['headers'] = [
    ['Host', 'api.example.com'],
    ['Authorization', `${word ?? 'PoP'} ${proof}`],
  ]
  return { method: 'GET', target: '/Photos/1', headers, ...request }
}

interface KeyPair {
  readonly privateKey: KeyObject
  readonly jwk: { readonly e: string; readonly kty: 'RSA'; readonly n: string }
  readonly thumbprint: string
}

function createKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { e, n } = publicKey.export({ format: 'jwk' }) as { e: string; n: string }
  const jwk = { e, kty: 'RSA', n } as const
  return { privateKey, jwk, thumbprint: hashOf(JSON.stringify(jwk)) }
}

const [client, entra] = [createKeyPair(), createKeyPair()]
export const thief = createKeyPair()
const { jwk, thumbprint: kid, privateKey: key } = client
const guid = (): string => randomBytes(16).toString('hex')

const tenant = 'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0'
const application = '66666666-7777-8888-9999-000000000000'
const entraTokens = jwtTokens({
  issuer: tenant,
  audience: application,
  jwks: { keys: [{ ...entra.jwk, kid: 'key-1' }] },
  typ: 'JWT',
})

export function signEntraToken(expiresAt: number): Promise<string> {
  return new SignJWT({ azp: 'client-app', scp: 'Photos.Read', cnf: { kid, xms_ksl: 'sw' } })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'key-1' })
    .setIssuer(tenant)
    .setAudience(application)
    .setExpirationTime(expiresAt)
    .sign(entra.privateKey)
}

const at = await signEntraToken(now + 3600)
const [m, u, p, ts] = ['GET', 'api.example.com', '/Photos/1', now]
const microsoft = { tokens: entraTokens, schemes: [pop({ path: 'msal' })], now: clock.now }
const fromEntra = { clientId: 'client-app', scopes: ['Photos.Read'], keyThumbprint: kid }

const msalNet: Shape = {
  options: microsoft,
  header: { alg: 'PS256', kid, typ: 'pop' },
  payload: { cnf: { jwk }, ts, at, nonce: guid(), m, u, p },
  key,
  result: fromEntra,
}

const android: Shape = {
  options: microsoft,
  header: { alg: 'RS256', kid },
  payload: { at, ts, u: 'API.Example.com', cnf: { jwk }, p, m },
  key,
  result: fromEntra,
}

const androidWithClaims: Shape = {
  ...android,
  payload: { ...android.payload, nonce: guid(), client_claims: '{"scp":"Photos.Write"}' },
}

const arm = '/subscriptions/12345678-0000-0000-0000-000000000000/resourceGroups/shop/providers'
const cluster = `${arm}/Microsoft.Kubernetes/connectedClusters/shop`

const kubelogin: Shape = {
  options: {
    ...microsoft,
    schemes: [
      pop({
        bearerScheme: true,
        dangerouslyReusable: true,
        require: ['ts', 'u'],
        resourceIds: [cluster],
      }),
    ],
    maxAgeSeconds: 900,
  },
  header: { typ: 'pop', alg: 'RS256', kid },
  payload: { at, ts, u: cluster, cnf: { jwk: { ...jwk, alg: 'RS256', kid } }, nonce: guid() },
  key,
  word: 'Bearer',
  result: fromEntra,
}

const opaque = guid()
const ecas = 'https://ecas.ec.europa.eu/cas/oauth2'
const ecasSecret = Buffer.from('a-secret-of-at-least-32-characters')

/** Knows one token, and tells it to who signs with the secret. */
const euLoginServer = await listen((request, response) => {
  async function answer(): Promise<object> {
    const form = new URLSearchParams(await text(request))
    const rules = { issuer: 'photos-api', audience: ecas, currentDate: new Date(clock.now()) }
    await jwtVerify(form.get('client_assertion') ?? '', ecasSecret, rules)
    if (form.get('token') !== opaque) return { active: false }
    return { active: true, aud: apiUrl, client_id: 'app', scope: 'photos', cnf: { jwk } }
  }
  answer().then(
    (json) => response.setHeader('content-type', 'application/json').end(JSON.stringify(json)),
    () => response.writeHead(401).end(),
  )
})
export const closeServers = euLoginServer.close

/** `client_secret_jwt`, for the issuer as audience. */
async function signAssertion(clientId: string): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(clientId)
    .setAudience(ecas)
    .setExpirationTime(now + 60)
    .sign(ecasSecret)
}

const euLogin: Shape = {
  options: {
    tokens: introspectedTokens({
      endpoint: `http://127.0.0.1:${euLoginServer.port}/token/introspect`,
      clientId: 'photos-api',
      async authenticate(_server, { client_id: clientId }, body) {
        body.set('client_assertion', await signAssertion(clientId))
      },
      audience: apiUrl,
    }),
    schemes: [pop({ require: ['ts'] })],
    now: clock.now,
  },
  header: { typ: 'JWT', alg: 'RS256' },
  payload: { at: opaque, ts },
  key,
  word: 'pop',
  result: { clientId: 'app', scopes: ['photos'], keyThumbprint: kid },
}

/** Secrets of partners, by client id. */
export const secrets: Readonly<Record<string, Buffer>> = {
  partner: Buffer.from('the-secret-of-a-partner-'.repeat(3)),
  other: Buffer.from('the-secret-of-another-partner-'.repeat(3)),
  weak: Buffer.from('a-secret-of-31-characters-only.'),
}

export function partnerOptions(...algorithms: string[]): Shape['options'] {
  const tokens = storedTokens(
    (_sha256, token) => ({ aud: apiUrl, client_id: token, scope: 'orders' }),
    { audience: apiUrl },
  )
  async function resolveKey({ clientId = '' }): Promise<Jwk | undefined> {
    const secret = secrets[clientId]
    return secret && { kty: 'oct', k: secret.toString('base64url') }
  }
  return {
    tokens,
    schemes: [pop({ algorithms, require: ['ts'], resolveKey })],
    maxAgeSeconds: 180,
    now: clock.now,
  }
}

const partner = (alg: string): Shape => ({
  options: partnerOptions('HS256', 'HS384', 'HS512'),
  header: { typ: 'JWT', alg },
  payload: { at: 'partner', ts },
  key: secrets['partner']!,
  result: { clientId: 'partner', scopes: ['orders'] },
})

export const shapes = {
  'MSAL.NET': msalNet,
  'MSAL Android': android,
  'MSAL Android with nonce and claims': androidWithClaims,
  kubelogin,
  'EU Login': euLogin,
  'a partner with HS256': partner('HS256'),
  'a partner with HS384': partner('HS384'),
  'a partner with HS512': partner('HS512'),
}
