import {
  PopError,
  popMiddleware,
  requireCoverage,
  requireScopes,
  type PopMiddlewareOptions,
} from '@oauth-pop/express'
import express, { type ErrorRequestHandler, type Express } from 'express'

export function createApi(options: PopMiddlewareOptions): Express {
  const app = express()
  app.get('/health', (_request, response) => {
    response.json({ status: 'ok' })
  })

  app.use(popMiddleware(options))
  app.use(express.json())
  app.get('/photos', requireScopes('photos:read'), (request, response) => {
    response.json({ owner: request.accessToken.subject, photos: ['cat.jpg'] })
  })
  app.post(
    '/photos',
    requireScopes('photos:write'),
    requireCoverage({ body: true }),
    (request, response) => {
      const added: unknown = request.body
      response.status(201).json({ owner: request.accessToken.subject, added })
    },
  )
  app.use(answerAsJson)
  return app
}

/** Status and challenge are set already; this only replaces Express's HTML page. */
const answerAsJson: ErrorRequestHandler = (error, _request, response, next) => {
  if (error instanceof PopError) response.status(error.status).json(error)
  else next(error)
}
