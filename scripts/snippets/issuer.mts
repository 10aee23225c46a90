// What the blocks of the issuer take from their reader.
import { createIssuer, createIssuerHandler } from '@oauth-pop/issuer'
import express from 'express'
import { exportJWK, generateKeyPair } from 'jose'

export { createRequest, createRequestListener, sendResponse } from '@remix-run/node-fetch-server'

const { privateKey } = await generateKeyPair('ES256', { extractable: true })
export const signingKey = { ...(await exportJWK(privateKey)), alg: 'ES256' }
export const secrets = { app: 'of-the-app', api: 'of-the-api' }
export const redeemCode = async (
  clientId: string,
  form: URLSearchParams,
): Promise<{ user: string; scope: string }> => ({ user: clientId, scope: `${form.get('scope')}` })

export const app = express()
export const handler = createIssuerHandler({
  issuer: createIssuer({ issuer: 'https://as.example.com', tokens: 'opaque' }),
  clients: {},
  resourceServers: {},
  grant: () => ({ audience: 'https://api.example.com', scope: 'photos:read' }),
})
