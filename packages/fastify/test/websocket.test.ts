import { request as openRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import websocket from '@fastify/websocket'
import { addressOf, apiUrl, createRequests, type RawRequest } from '@oauth-pop/testkit'
import fastify from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import oauthPop, { requireScopes } from '@oauth-pop/fastify'

const { tokens, signed, anonymous } = createRequests()
const app = fastify({ forceCloseConnections: true })
const opened: string[] = []

beforeAll(async () => {
  await app.register(websocket)
  await app.register(oauthPop, { publicUrl: apiUrl, tokens })
  for (const [path, preHandler] of [
    ['/items', []],
    ['/admin', [requireScopes('admin')]],
  ] as const) {
    app.get(path, { websocket: true, preHandler: [...preHandler] }, (socket, request) => {
      opened.push(path)
      socket.send(`hello ${request.accessToken.subject}`, () => socket.terminate())
    })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
})

afterAll(() => app.close())

/** Asks for a WebSocket; what is sent to it, or the answer that is no WebSocket. */
function shakeHands({ target, headers }: RawRequest): Promise<readonly [number, string]> {
  const { port } = addressOf(app.server)
  return new Promise((resolve, reject) => {
    const request = openRequest({
      port,
      host: '127.0.0.1',
      path: target,
      agent: false,
      headers: [
        ...headers,
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
        ['Sec-WebSocket-Version', '13'],
        ['Sec-WebSocket-Key', Buffer.alloc(16).toString('base64')],
      ].flat(),
    })
    request.on('upgrade', ({ statusCode = 0 }, socket, head) => {
      text(socket).then((rest) => resolve([statusCode, head.toString() + rest]), reject)
    })
    request.on('response', (response) => {
      text(response).then((body) => resolve([response.statusCode ?? 0, body]), reject)
    })
    request.on('error', reject)
    request.end()
  })
}

test('the handshake of @fastify/websocket is verified as any request', async () => {
  const [status, message] = await shakeHands(signed())
  expect([status, message]).toEqual([101, expect.stringContaining('hello alice')])
  expect(opened.splice(0)).toEqual(['/items'])
})

test.each<[string, number, () => RawRequest]>([
  ['without a credential', 401, () => anonymous()],
  ['for another path', 401, () => signed({ p: '/other' })],
  ['without the scope', 403, () => signed({}, { target: '/admin' })],
])('a handshake %s is answered %i, and no socket opens', async (_, status, build) => {
  expect((await shakeHands(build()))[0]).toBe(status)
  expect(opened).toEqual([])
})

test('a handshake is accepted once', async () => {
  const request = signed()
  expect((await shakeHands(request))[0]).toBe(101)
  expect((await shakeHands(request))[0]).toBe(401)
  opened.length = 0
})
