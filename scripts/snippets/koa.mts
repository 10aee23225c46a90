// What the blocks of the Koa pages take from their reader.
import Router from '@koa/router'
import { storedTokens, type PopMiddlewareOptions } from '@oauth-pop/koa'
import Koa, { type Middleware } from 'koa'

export { bodyParser } from '@koa/bodyparser'
export * from '@oauth-pop/koa'

export const app = new Koa()
export const router = new Router()
const audience = 'https://api.example.com'
export const options: PopMiddlewareOptions = {
  publicUrl: audience,
  tokens: storedTokens(() => undefined, { audience }),
}
const handler: Middleware = (ctx) => void (ctx.status = 204)
export const [add, keys, list, me, remove, search] = new Array<Middleware>(6).fill(handler)

/** PEM of the server. */
export const [cert, key] = new Array<string | undefined>(2)
