import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import { popMiddleware } from '@oauth-pop/express'
import { addressOf, vectorOptions, type AdapterServer, type VectorSuite } from '@oauth-pop/testkit'
import { createRequestListener } from '@remix-run/node-fetch-server'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import * as oauth from 'oauth4webapi'

/** A configuration of the agreed cases, as far as peers can have it. */
export interface Config {
  readonly publicUrl: string
  readonly schemes?: readonly { readonly scheme: string }[]
  readonly tokens: {
    readonly issuer: string
    readonly audience: string
    readonly jwks: { readonly keys: readonly object[] }
    readonly algorithms: readonly string[]
    readonly typ?: string
  }
}

type Vectors = VectorSuite['configs'][string]

export type Start = (config: Config, now: () => number) => Promise<AdapterServer>

const answer: RequestHandler = (_request, response) => void response.json({})
const refuse: ErrorRequestHandler = (error: { status?: number }, _request, response, _next) =>
  void response.status(error.status ?? 500).end()

/**
 * Serves as if over TLS where the public URL says so, which is what peers go by; the certificate would say
 * nothing here.
 */
async function serve({ publicUrl }: Config, listener: RequestListener): Promise<AdapterServer> {
  const server = createServer(listener)
  if (publicUrl !== 'request') {
    server.on('connection', (socket) => Object.assign(socket, { encrypted: true }))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { ...addressOf(server), handled: () => 0, close }
}

function takesBearer({ schemes = [] }: Config): boolean {
  return schemes.some(({ scheme }) => scheme === 'bearer')
}

const startOurs: Start = (config, now) => {
  const app = express()
  app.use(
    popMiddleware(
      vectorOptions(config as unknown as Vectors, { now, certificate: () => undefined }),
    ),
    answer,
    refuse,
  )
  return serve(config, app)
}

const startAuth0: Start = (config) => {
  const { issuer, audience, jwks, algorithms, typ } = config.tokens
  const app = express()
  app.use(
    auth({
      issuer,
      audience,
      publicKey: jwks as { keys: object[] },
      tokenSigningAlg: String(algorithms[0]),
      strict: typ !== undefined,
      clockTolerance: 30,
      dpop: { enabled: true, required: !takesBearer(config) },
    }),
    answer,
    refuse,
  )
  return serve(config, app)
}

/** It throws and answers nothing, so that any error is a refusal; 401 stands for it. */
const startOauth4webapi: Start = (config) => {
  const { issuer, audience, jwks } = config.tokens
  const protocol = config.publicUrl === 'request' ? 'http:' : 'https:'
  const listener = createRequestListener(
    async (request) => {
      try {
        await oauth.validateJwtAccessToken(
          { issuer, jwks_uri: `${issuer}/jwks` },
          request,
          audience,
          {
            requireDPoP: !takesBearer(config),
            [oauth.customFetch]: async () => Response.json(jwks),
          },
        )
        return Response.json({})
      } catch {
        return new Response(null, { status: 401 })
      }
    },
    { protocol },
  )
  return serve(config, listener)
}

export const starts = { ours: startOurs, auth0: startAuth0, oauth4webapi: startOauth4webapi }
