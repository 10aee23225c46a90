import { popMiddleware, requireScopes, type PopMiddlewareOptions } from '@oauth-pop/express'
import express, { type Express } from 'express'

export function createApp(options: PopMiddlewareOptions): Express {
  const app = express()
  app.use(popMiddleware(options))
  app.get('/photos', requireScopes('photos:read'), (req, res) => {
    res.json(req.accessToken.subject)
  })
  // @ts-expect-error no such member, so the types are found and not any
  app.use((req, res) => res.json(req.accessToken.subjekt))
  return app
}

export const misspelled = (tokens: PopMiddlewareOptions['tokens']): Express =>
  // @ts-expect-error a misspelled name, so the types of core are found too
  createApp({ publicUrl: 'request', tokens, optinal: true })
