import type { Server } from 'node:http'
import { signPopRequest } from '@oauth-pop/client'
import { createVerifier, type HttpRequest } from '@oauth-pop/core'
import {
  bearer,
  dpop,
  introspectedTokens,
  jwtTokens,
  memoryReplayStore,
  pop,
  PopError,
  popMiddleware,
  requireAnyScope,
  requireAuthentication,
  requireClaims,
  requireCoverage,
  requireScheme,
  requireScopes,
  requireToken,
  type AccessToken,
  type PopMiddlewareOptions,
} from '@oauth-pop/express'
import { createIssuer } from '@oauth-pop/issuer'
import express, { type ErrorRequestHandler } from 'express'

export async function start(
  port: number,
  options: PopMiddlewareOptions,
): Promise<() => Promise<void>> {
  const app = express()
  app.use(popMiddleware(options))
  app.get(
    '/photos',
    requireScopes('photos:read'),
    (req, res) => void res.send(req.accessToken.subject),
  )
  app.use(answerAsJson)
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(port, '127.0.0.1', () => resolve(listening))
  })
  return async () => {
    server.close().closeAllConnections()
  }
}

const answerAsJson: ErrorRequestHandler = (error, _request, response, next) => {
  if (error instanceof PopError) response.status(error.status).json(error)
  else next(error)
}

const app = express()
const tokens = jwtTokens({ issuer: 'https://as.example.com', audience: 'api' })
app.use(
  popMiddleware({
    publicUrl: ['https://api.example.com'],
    tokens: [
      tokens,
      introspectedTokens({
        endpoint: 'https://as.example.com/introspect',
        clientId: 'api',
        clientSecret: 'secret',
        audience: 'api',
      }),
    ],
    schemes: [pop({ path: 'exact' }), dpop(), bearer()],
    replay: memoryReplayStore(),
    optional: true,
  }),
)
app.get(
  '/photos',
  requireToken(),
  requireScheme('PoP', 'DPoP'),
  requireAnyScope('a', 'b'),
  requireClaims((claims) => claims['tenant'] === 'x'),
  requireCoverage({ query: true, body: true }),
  requireAuthentication({ acrValues: ['phr'], maxAgeSeconds: 300 }),
  (request, response) => {
    const { subject, scopes }: AccessToken = request.accessToken
    response.json({ subject, scopes })
  },
)

const router = express.Router().use(requireScopes('x'))
router.get('/photos/:id', requireScopes('photos:read'), (request, response) => {
  response.json(request.params.id.concat(request.accessToken.scope))
})
app.use('/v1', popMiddleware({ publicUrl: 'request', tokens }), router)

app.use((request, response) => {
  // @ts-expect-error no such member
  response.json(request.accessToken.subjekt)
})
// @ts-expect-error publicUrl is required
export const incomplete = () => popMiddleware({ tokens })
// @ts-expect-error a misspelled name
export const misspelled = () => popMiddleware({ publicUrl: 'request', tokens, optinal: true })

export const verify = (request: HttpRequest): Promise<unknown> =>
  createVerifier({ publicUrl: 'request', tokens }).verify(request)
export { createIssuer, signPopRequest }
