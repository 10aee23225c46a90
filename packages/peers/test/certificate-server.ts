import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import type { IncomingMessage, RequestListener } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { listen, readCertificate, serverTls } from '@oauth-pop/testkit'
import { exportJWK } from 'jose'
import { onTestFinished } from 'vitest'
import Provider, { type ClientMetadata, type Configuration } from 'oidc-provider'
import { api, audiences, createAdapter, type AuthorizationServer } from './authorization-server.ts'

/** How each client of the server says who it is; the certificate binds its tokens too. */
const methods = {
  bob: { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: 'CN=bob' },
  alice: { token_endpoint_auth_method: 'self_signed_tls_client_auth' },
} as const

export type CertificateServer = Pick<AuthorizationServer, 'issuer' | 'introspectionEndpoint'>

/** A real one over TLS, which asks for certificates. */
export async function startCertificateServer(): Promise<CertificateServer> {
  let handler: RequestListener = (_request, response) => void response.writeHead(503).end()
  const tls = serverTls({ ca: readCertificate('ca').cert })
  const { port, close } = await listen((...both) => handler(...both), undefined, tls)
  onTestFinished(close)
  const issuer = `https://127.0.0.1:${port}`
  const callback = new Provider(issuer, await configure()).callback()
  handler = (asked, response) => void callback(asked, response)
  return { issuer, introspectionEndpoint: `${issuer}/token/introspection` }
}

const socketOf = ({ req }: { req: IncomingMessage }): TLSSocket => req.socket as TLSSocket

async function configure(): Promise<Configuration> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'key-1' }
  const anyone = { redirect_uris: [], response_types: [] }
  return {
    adapter: createAdapter,
    ttl: { ClientCredentials: 300 },
    jwks: { keys: [key as never] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clientAuthMethods: ['tls_client_auth', 'self_signed_tls_client_auth', 'client_secret_basic'],
    clients: [
      await clientOf('alice'),
      await clientOf('bob'),
      { ...anyone, client_id: api.id, client_secret: api.secret, grant_types: [] },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32) },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        tlsClientAuth: true,
        getCertificate: (context) => socketOf(context).getPeerX509Certificate()?.toString() ?? '',
        certificateAuthorized: (context) => socketOf(context).authorized,
        certificateSubjectMatches: (context, _property, expected) =>
          socketOf(context).getPeerX509Certificate()?.subject === expected,
      },
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

async function clientOf(name: 'alice' | 'bob'): Promise<ClientMetadata> {
  const { cert, der } = readCertificate(name)
  const key = await exportJWK(new X509Certificate(cert).publicKey)
  const x5c = [Buffer.from(der).toString('base64')]
  return {
    client_id: name,
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    tls_client_certificate_bound_access_tokens: true,
    ...methods[name],
    ...(name === 'alice' && { jwks: { keys: [{ ...key, x5c }] } }),
  } as ClientMetadata
}
