import { addressOf, describeToken, type AdapterHarness } from '@oauth-pop/testkit'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import oauthPop from '@oauth-pop/fastify'

export const hosts: Record<string, AdapterHarness> = {
  'Fastify 5': {
    async start(options, headers = {}) {
      let handled = 0
      const app = fastify({ forceCloseConnections: true })
      await app.register(oauthPop, options)
      // Fastify parses JSON and text; this harness wants every type to reach its handler.
      app.removeAllContentTypeParsers()
      app.addContentTypeParser('*', (_request, payload, done) => {
        payload.resume().on('end', () => done(null))
      })
      const handle = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
        handled += 1
        return reply.headers(headers).send(describeToken(request.accessToken))
      }
      app.all('*', handle)
      app.setNotFoundHandler((request, reply) => handle(request, reply.code(200)))
      await app.listen({ port: 0, host: '127.0.0.1' })
      return { ...addressOf(app.server), handled: () => handled, close: () => app.close() }
    },
  },
}
