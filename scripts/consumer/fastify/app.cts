import fastify = require('fastify')
import pop = require('@oauth-pop/fastify')

export const app = fastify()
const tokens = pop.storedTokens(() => undefined, { audience: 'api' })
app.register(pop.default, { publicUrl: 'https://api.example.com', tokens })
app.get(
  '/photos',
  { preHandler: pop.requireScopes('photos:read') },
  (request) => request.accessToken.subject,
)
