import { createRequestListener } from '@remix-run/node-fetch-server'
import {
  createIssuer,
  createIssuerHandler,
  IssuerError,
  type Grant,
  type GrantRequest,
} from '@oauth-pop/issuer'
import cors from 'cors'
import express from 'express'
import { createAuthorizationCodes, type AuthorizationCodes } from './authorization-codes.ts'
import { authorizationEndpoint } from './authorization-endpoint.ts'
import { startServer, type RunningServer } from './server.ts'

export interface AuthorizationServer extends RunningServer {
  /** Lets the page send its users here, and to nowhere else afterwards. */
  registerRedirectUri(uri: string): void
}

/**
 * An authorization server in its smallest form. `photo-app` has a secret and gets a token with a
 * fresh key pair; `photo-page` runs in a browser, brings a code and its own key.
 */
export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const redirectUris = new Set<string>()
  const codes = createAuthorizationCodes()
  const server = await startServer((url) => {
    const app = express()
    // Scripts need these; the authorization endpoint must not have it (RFC 9700 section 2.6).
    app.use(['/token', '/.well-known/oauth-authorization-server'], cors())
    app.use('/authorize', authorizationEndpoint({ issuer: url, redirectUris, codes }))
    app.use(createRequestListener(createHandler(url, codes)))
    return app
  })
  return { ...server, registerRedirectUri: (uri) => void redirectUris.add(uri) }
}

/** Who may ask for tokens, and who may introspect them. Real servers keep these elsewhere. */
function createHandler(url: string, codes: AuthorizationCodes) {
  return createIssuerHandler({
    issuer: createIssuer({ issuer: url, tokens: 'opaque', lifetimeSeconds: 600 }),
    clients: { 'photo-app': { secret: 'photo-app-secret' }, 'photo-page': { public: true } },
    resourceServers: { 'photo-api': { secret: 'photo-api-secret' } },
    grant: (request) => decide(request, codes),
    metadata: {
      authorization_endpoint: `${url}/authorize`,
      authorization_response_iss_parameter_supported: true,
      code_challenge_methods_supported: ['S256'],
      grant_types_supported: ['authorization_code', 'client_credentials'],
      response_types_supported: ['code'],
    },
  })
}

function decide(
  { clientId, grantType, parameters }: GrantRequest,
  codes: AuthorizationCodes,
): Grant {
  const audience = parameters.get('resource')
  if (audience === null) throw new IssuerError('invalid_target', 'The request names no API')
  const granted = { subject: 'alice', audience, scope: 'photos:read photos:write' }
  switch (grantType) {
    case 'client_credentials':
      // A public client cannot be told from another one: only a user's consent gets it a token.
      if (clientId !== 'photo-app') throw notAllowed()
      return { ...granted, key: { by: 'server', algorithm: 'ES256' } }
    case 'authorization_code':
      codes.redeem(clientId, parameters)
      return granted
    default:
      throw new IssuerError('unsupported_grant_type', 'The grant type is not supported')
  }
}

function notAllowed(): IssuerError {
  return new IssuerError('unauthorized_client', 'The client may not use this grant type')
}
