import {
  addressOf,
  createGuards,
  describeToken,
  fastifyTls,
  type AdapterHarness,
} from '@oauth-pop/testkit'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import * as pop from '@oauth-pop/fastify'

export const hosts: Record<string, AdapterHarness> = {
  'Fastify 5': {
    seesGuards: true,
    speaksHttp2: true,
    async start(
      options,
      { headers = {}, guards = {}, failure, trustsProxy = false, unverified, tls } = {},
    ) {
      let handled = 0
      const app = fastify({
        forceCloseConnections: true,
        trustProxy: trustsProxy,
        ...fastifyTls(tls),
      })
      app.addHook('onRequest', async (request) => {
        Object.assign(request, unverified && { accessToken: unverified })
      })
      await app.register(pop.popPlugin, options)
      // Fastify parses JSON and text; this harness wants every type to reach its handler.
      app.removeAllContentTypeParsers()
      app.addContentTypeParser('*', (_request, payload, done) => {
        payload.resume().on('end', () => done(null))
      })
      const handle = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
        handled += 1
        if (failure !== undefined) throw new Error(failure)
        return reply.headers(headers).send(describeToken(request.accessToken))
      }
      const preHandler = [...createGuards(guards, pop)]
      app.all('*', { preHandler }, handle)
      app.setNotFoundHandler({ preHandler }, (request, reply) => handle(request, reply.code(200)))
      await app.listen({ port: 0, host: '127.0.0.1' })
      return { ...addressOf(app.server), handled: () => handled, close: () => app.close() }
    },
  },
}
