import { signPopRequest } from '@oauth-pop/client'
import { createVerifier, type AccessToken, type HttpRequest } from '@oauth-pop/core'
import {
  bearer,
  dpop,
  jwtTokens,
  pop,
  popMiddleware,
  requireAnyScope,
  requireClaims,
  requireCoverage,
  requireScopes,
} from '@oauth-pop/express'
import { createIssuer } from '@oauth-pop/issuer'
import express from 'express'

const app = express()
const tokens = jwtTokens({ issuer: 'https://as.example.com', audience: 'api', jwks: { keys: [] } })
app.use(
  popMiddleware({
    publicUrl: 'https://api.example.com',
    tokens,
    schemes: [pop(), dpop(), bearer()],
  }),
)
app.get(
  '/photos',
  requireScopes('photos:read'),
  requireAnyScope('a', 'b'),
  requireClaims((claims) => claims['tenant'] === 'x'),
  requireCoverage({ query: true, body: true }),
  (request, response) => {
    const { subject, scopes }: AccessToken = request.accessToken
    response.json({ subject, scopes })
  },
)

// @ts-expect-error publicUrl is required
createVerifier({ tokens })

export const verify = (request: HttpRequest): Promise<unknown> =>
  createVerifier({ publicUrl: 'request', tokens }).verify(request)
export { createIssuer, signPopRequest }
