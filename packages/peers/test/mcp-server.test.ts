import {
  Client,
  ClientCredentialsProvider,
  DpopSession,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { ClientCredentialsProvider as OlderCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  introspectedTokens,
  memoryReplayStore,
  popMiddleware,
  presets,
  requireScopes,
  type RefusedEvent,
} from '@oauth-pop/express'
import { collectEvents, createClock, listen } from '@oauth-pop/testkit'
import express from 'express'
import type { RequestListener } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import {
  api,
  client as registered,
  startAuthorizationServer,
  type AuthorizationServer,
} from './authorization-server.ts'

const clock = createClock(Math.floor(Date.now() / 1000))

/** A server of MCP whose one tool says who asks. */
async function startMcpServer({
  issuer,
  introspectionEndpoint,
}: AuthorizationServer): Promise<string> {
  let handler: RequestListener
  const { port, close } = await listen((request, response) => handler(request, response))
  onTestFinished(close)
  const url = `http://127.0.0.1:${port}`
  const resource = `${url}/mcp`
  const app = express()
  app.use(
    popMiddleware({
      ...presets.mcp,
      publicUrl: url,
      metadata: { resource, authorizationServers: issuer, scopes: ['photos'] },
      tokens: introspectedTokens({
        endpoint: introspectionEndpoint,
        clientId: api.id,
        clientSecret: api.secret,
        audience: resource,
      }),
      replay: memoryReplayStore({ restartGuard: 'off', now: clock.now }),
      nonce: { lifetimeSeconds: 1 },
      now: clock.now,
    }),
  )
  app.post('/mcp', requireScopes('photos'), async (request, response) => {
    const { token, clientId = '', scopes } = request.accessToken
    const server = new McpServer({ name: 'photos', version: '1.0.0' })
    server.registerTool('whoami', { description: 'who asks' }, ({ authInfo }) => ({
      content: [{ type: 'text', text: String(authInfo?.clientId) }],
    }))
    const transport = new StreamableHTTPServerTransport({})
    response.on('close', () => void server.close())
    await server.connect(transport as never)
    const auth = { token, clientId, scopes: [...scopes] }
    await transport.handleRequest(Object.assign(request, { auth }), response)
  })
  handler = app
  return resource
}

const credentials = (server: AuthorizationServer) => ({
  clientId: registered.id,
  clientSecret: registered.secret,
  scope: 'photos',
  expectedIssuer: server.issuer,
})

test(
  'a client of MCP finds the authorization server, gets a bound token and calls a tool, though both ask for nonces',
  { tags: ['metadata-mcp'] },
  async () => {
    const server = await startAuthorizationServer({ requireNonce: true })
    onTestFinished(server.close)
    const url = await startMcpServer(server)
    const refused = collectEvents<RefusedEvent>('oauth-pop:refused')
    const session = await DpopSession.create()
    const authProvider = Object.assign(new ClientCredentialsProvider(credentials(server)), {
      dpop: () => session,
    })
    const client = new Client({ name: 'visitor', version: '1.0.0' })
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider }))
    onTestFinished(() => client.close())
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['whoami'])
    clock.advance(5)
    const { content } = await client.callTool({ name: 'whoami', arguments: {} })
    expect(content).toEqual([{ type: 'text', text: registered.id }])
    // The first answer of all gave it a nonce, which is old by the last call.
    expect(refused.map(({ code }) => code)).toEqual([
      'ERR_POP_CREDENTIAL_MISSING',
      'ERR_POP_NONCE_INVALID',
    ])
  },
)

test('the client of the older package gets a bearer token, and does not get in with it', async () => {
  const server = await startAuthorizationServer()
  onTestFinished(server.close)
  const url = await startMcpServer(server)
  const refused = collectEvents<RefusedEvent>('oauth-pop:refused')
  const authProvider = new OlderCredentialsProvider(credentials(server))
  const client = new OlderClient({ name: 'visitor', version: '1.0.0' })
  const transport = new OlderTransport(new URL(url), { authProvider })
  await expect(client.connect(transport as never)).rejects.toThrow(
    '401 after successful authentication',
  )
  expect(authProvider.tokens()).toMatchObject({ token_type: 'Bearer' })
  // A bearer token is none of the credentials that this server takes.
  expect(refused.map(({ code }) => code)).toEqual([
    'ERR_POP_CREDENTIAL_MISSING',
    'ERR_POP_CREDENTIAL_MISSING',
  ])
})
