import {
  introspectedTokens,
  PopError,
  popMiddleware,
  requireCoverage,
  requireScopes,
} from '@oauth-pop/express'
import cors from 'cors'
import express, { type ErrorRequestHandler } from 'express'
import { startServer, type RunningServer } from './server.ts'

/** The protected API: only the client that holds the key of its token gets in. */
export function startApi({
  authorizationServer,
}: {
  authorizationServer: string
}): Promise<RunningServer> {
  return startServer((url) => {
    const app = express()
    app.use(
      cors({
        allowedHeaders: ['Authorization', 'Content-Type'],
        exposedHeaders: ['WWW-Authenticate', 'Authentication-Info'],
      }),
    )
    app.use(
      popMiddleware({
        publicUrl: url,
        tokens: introspectedTokens({
          endpoint: `${authorizationServer}/introspect`,
          clientId: 'photo-api',
          clientSecret: 'photo-api-secret',
          audience: url,
        }),
      }),
    )
    app.use(express.json())
    app.get('/photos', requireScopes('photos:read'), (request, response) => {
      response.json({ owner: request.accessToken.subject, photos: ['cat.jpg'] })
    })
    app.post(
      '/photos',
      requireScopes('photos:write'),
      requireCoverage({ body: true }),
      (request, response) => {
        response
          .status(201)
          .json({ owner: request.accessToken.subject, added: request.body as unknown })
      },
    )
    app.use(answerAsJson)
    return app
  })
}

/** Status and challenge are set already; this only replaces Express's HTML page. */
const answerAsJson: ErrorRequestHandler = (error, _request, response, next) => {
  if (error instanceof PopError) response.status(error.status).json(error)
  else next(error)
}
