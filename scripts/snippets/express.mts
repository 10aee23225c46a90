// What the blocks of the pages for everybody take from their reader; the framework is Express.
import {
  storedTokens,
  type Jwk,
  type PopMiddlewareOptions,
  type ReplayStore as Store,
  type StoredRecord,
} from '@oauth-pop/express'
import express, { type RequestHandler } from 'express'

export * from '@oauth-pop/express'
export { createRemoteJWKSet, decodeJwt, errors, jwtVerify } from 'jose'
export { ClientSecretJwt } from 'oauth4webapi'
export { express }

export const app = express()
export const audience = 'https://api.example.com'
export const publicUrl = audience
export const issuer = 'https://as.example.com'
export const tokens = storedTokens(() => undefined, { audience })
export const options: PopMiddlewareOptions = { publicUrl, tokens }

export const handler: RequestHandler = (_request, response) => void response.end()
export const [add, albums, keys, list, me, photos, remove, search] = new Array<RequestHandler>(
  8,
).fill(handler)

export const insertOnce = async (id: string, seconds: number): Promise<boolean> =>
  id !== `${seconds}`
export const findTenant = async (name: unknown): Promise<object | undefined> => ({ name })
export const database = {
  findToken: (_sha256: string): StoredRecord | undefined => undefined,
  findSecret: (_clientId: string | undefined): Jwk | undefined => undefined,
}

/** PEM of the server. */
export const [cert, key] = new Array<string | undefined>(2)

declare global {
  type ReplayStore = Store
}
