import { createHash, timingSafeEqual } from 'node:crypto'
import { createIssuer } from '@oauth-pop/issuer'
import express, { type Request, type RequestHandler } from 'express'
import { startServer, type RunningServer } from './server.ts'

/** Who may ask for tokens, and who may introspect them. Real servers keep these elsewhere. */
const clients = { 'photo-app': 'photo-app-secret' }
const resourceServers = { 'photo-api': 'photo-api-secret' }
const grantedScope = 'photos:read photos:write'

/**
 * An authorization server in its smallest form: client credentials in, an opaque token bound to a
 * fresh key pair out. It keeps the public half for introspection and forgets the private one.
 */
export function startAuthorizationServer(): Promise<RunningServer> {
  return startServer((url) => {
    const issuer = createIssuer({ issuer: url, tokens: 'opaque', lifetimeSeconds: 600 })
    const app = express()
    app.use(express.urlencoded({ extended: false }))

    app.post('/token', authenticated(clients), async (request, response) => {
      const { grant_type: grant, resource } = request.body as Record<string, unknown>
      if (grant !== 'client_credentials' || typeof resource !== 'string') {
        response.status(400).json({ error: 'invalid_request' })
        return
      }
      const token = await issuer.issue({
        clientId: clientIdOf(request),
        subject: 'alice',
        audience: resource,
        scope: grantedScope,
        key: { by: 'server', algorithm: 'ES256' },
      })
      response.set('cache-control', 'no-store').json(token)
    })

    app.post('/introspect', authenticated(resourceServers), async (request, response) => {
      const { token } = request.body as Record<string, unknown>
      response.json(await issuer.introspect(String(token)))
    })

    return app
  })
}

/** `client_secret_basic` (RFC 6749 section 2.3.1). */
function authenticated(accounts: Readonly<Record<string, string>>): RequestHandler {
  return (request, response, next) => {
    const [id, secret] = basicCredentials(request)
    const expected = Object.hasOwn(accounts, id) ? accounts[id] : undefined
    if (expected !== undefined && isSame(secret, expected)) return next()
    response
      .status(401)
      .set('www-authenticate', 'Basic realm="as"')
      .json({ error: 'invalid_client' })
  }
}

function clientIdOf(request: Request): string {
  return basicCredentials(request)[0]
}

function basicCredentials(request: Request): readonly [id: string, secret: string] {
  const [, encoded = ''] = /^Basic +(\S+)$/i.exec(request.get('authorization') ?? '') ?? []
  const [id = '', secret = ''] = Buffer.from(encoded, 'base64').toString().split(':')
  return [decodeURIComponent(id), decodeURIComponent(secret)]
}

/** Hashed first, so that neither length nor content shows in the time it takes. */
function isSame(left: string, right: string): boolean {
  const [one, other] = [left, right].map((text) => createHash('sha256').update(text).digest())
  return one !== undefined && other !== undefined && timingSafeEqual(one, other)
}
