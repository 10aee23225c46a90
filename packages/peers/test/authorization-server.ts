import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { listen } from '@oauth-pop/testkit'
import { exportJWK } from 'jose'
import Provider, { type Adapter, type AdapterPayload, type Configuration } from 'oidc-provider'

/** The API that tokens are for, by the form that they have for it. */
export const audiences = {
  jwt: 'https://api.example.com/jwt',
  opaque: 'https://api.example.com/opaque',
} as const
export type TokenForm = keyof typeof audiences

/** The client under test, and the API that asks what tokens mean. */
export const client = { id: 'app', secret: 'the-secret-of-the-client-at-the-as' } as const
export const api = { id: 'api', secret: 'the-secret-of-the-api-at-the-server' } as const

export interface AuthorizationServer {
  readonly issuer: string
  readonly tokenEndpoint: string
  readonly introspectionEndpoint: string
  /** Its own resource server, for tokens of users. */
  readonly userinfoEndpoint: string
  /** What a sign-in would give: a token of a user, bound to the key. */
  readonly issueUserToken: (subject: string, keyThumbprint: string) => Promise<string>
  readonly close: () => Promise<void>
}

/** A real one, on a free port of the loopback interface. */
export async function startAuthorizationServer({
  requireNonce = false,
} = {}): Promise<AuthorizationServer> {
  let handler: RequestListener = (_request, response) => void response.writeHead(503).end()
  const { port, close } = await listen((request, response) => handler(request, response))
  const issuer = `http://127.0.0.1:${port}`
  const provider = new Provider(issuer, await configure(requireNonce))
  const callback = provider.callback()
  handler = (request, response) => void callback(request, response)
  return {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    introspectionEndpoint: `${issuer}/token/introspection`,
    userinfoEndpoint: `${issuer}/me`,
    issueUserToken: (subject, keyThumbprint) => issueUserToken(provider, subject, keyThumbprint),
    close,
  }
}

async function issueUserToken(
  provider: Provider,
  accountId: string,
  keyThumbprint: string,
): Promise<string> {
  const found = await provider.Client.find(client.id)
  if (found === undefined) throw new Error('no client')
  const grant = new provider.Grant({ accountId, clientId: client.id })
  grant.addOIDCScope('openid')
  const grantId = await grant.save()
  const scope = 'openid'
  const token = new provider.AccessToken({ client: found, accountId, grantId, scope } as never)
  token.setThumbprint('jkt', keyThumbprint)
  return token.save()
}

async function configure(requireNonce: boolean): Promise<Configuration> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'key-1' }
  const anyone = { redirect_uris: [], response_types: [] }
  return {
    adapter: createAdapter,
    ttl: { AccessToken: 300, ClientCredentials: 300, Grant: 300 },
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    jwks: { keys: [key as never] },
    // The only key: the default, RS256, would have none.
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    enabledJWA: { dPoPSigningAlgValues: ['ES256', 'Ed25519', 'PS256', 'RS256'] },
    clients: [
      {
        ...anyone,
        client_id: client.id,
        client_secret: client.secret,
        grant_types: ['client_credentials'],
      },
      { ...anyone, client_id: api.id, client_secret: api.secret, grant_types: [] },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => requireNonce },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, audience) => ({
          scope: 'photos',
          audience,
          accessTokenTTL: 300,
          accessTokenFormat: audience === audiences.jwt ? 'jwt' : 'opaque',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  }
}

/** Its own keeps everything in memory too, and says on the console that one must not. */
export function createAdapter(): Adapter {
  const records = new Map<string, AdapterPayload>()
  const find: Adapter['find'] = (id) => Promise.resolve(records.get(id))
  return {
    find,
    findByUid: find,
    findByUserCode: find,
    upsert: (id, payload) => Promise.resolve(void records.set(id, payload)),
    destroy: (id) => Promise.resolve(void records.delete(id)),
    consume: () => Promise.reject(new Error('nothing here is used once')),
    revokeByGrantId: () => Promise.reject(new Error('nobody grants anything here')),
  }
}

export const basicCredentials = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`

export const tokenRequest = (form: TokenForm): URLSearchParams =>
  new URLSearchParams({
    grant_type: 'client_credentials',
    scope: 'photos',
    resource: audiences[form],
  })

/** A token for whoever made the proof: what clients do that know no client credentials. */
export async function obtainToken(
  server: AuthorizationServer,
  form: TokenForm,
  proof: string,
): Promise<string> {
  const response = await fetch(server.tokenEndpoint, {
    method: 'POST',
    headers: { authorization: basicCredentials, dpop: proof },
    body: tokenRequest(form),
  })
  const answer = (await response.json()) as { access_token?: string; token_type?: string }
  if (answer.access_token === undefined || answer.token_type !== 'DPoP')
    throw new Error(`no bound token: ${JSON.stringify(answer)}`)
  return answer.access_token
}
