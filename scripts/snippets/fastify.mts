// What the blocks of the Fastify pages take from their reader.
import fastify, { type RouteHandlerMethod } from 'fastify'

export * from '@oauth-pop/fastify'

export const app = fastify()
const handler: RouteHandlerMethod = async () => ''
export const [add, keys, list, me, remove, search] = new Array<RouteHandlerMethod>(6).fill(handler)

/** PEM of the server. */
export const [cert, key] = new Array<string | undefined>(2)
