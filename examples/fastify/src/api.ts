import oauthPop, { requireCoverage, requireScopes, type PopPluginOptions } from '@oauth-pop/fastify'
import fastify, { type FastifyInstance } from 'fastify'

export async function createApi(options: PopPluginOptions): Promise<FastifyInstance> {
  const app = fastify({ forceCloseConnections: true })
  await app.register(oauthPop, options)
  app.get('/health', { config: { pop: false } }, () => ({ status: 'ok' }))

  app.get('/photos', { preHandler: requireScopes('photos:read') }, ({ accessToken }) => ({
    owner: accessToken.subject,
    photos: ['cat.jpg'],
  }))
  app.post(
    '/photos',
    { preHandler: [requireScopes('photos:write'), requireCoverage({ body: true })] },
    ({ accessToken, body }, reply) =>
      reply.code(201).send({ owner: accessToken.subject, added: body }),
  )
  return app
}
