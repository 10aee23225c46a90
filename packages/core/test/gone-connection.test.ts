import { EventEmitter, once } from 'node:events'
import { createServer, request, Agent } from 'node:https'
import type { AddressInfo } from 'node:net'
import { readCertificate, readCertificateKey } from '@oauth-pop/testkit'
import { expect, test } from 'vitest'
import { peerOf } from '../src/node/peer.ts'

const client = { cert: readCertificate('alice').cert, key: readCertificateKey('alice') }
const own = { cert: readCertificate('server').cert, key: readCertificateKey('server') }

test.each([
  ['the first request', []],
  ['a later request', ['/earlier']],
])(
  'of a connection that is gone, %s has no certificate',
  { tags: ['mtls-bound'] },
  async (_, earlier) => {
    const asks = { requestCert: true, rejectUnauthorized: false }
    const events = new EventEmitter()
    const [arrived, found] = [once(events, 'arrived'), once(events, 'found')]
    const server = createServer({ ...own, ...asks }, (incoming, response) => {
      if (incoming.url === '/earlier') {
        response.end(String(peerOf(incoming).certificate?.length))
        return
      }
      events.emit('arrived')
      incoming.socket.once('close', () => {
        events.emit('found', peerOf(incoming).certificate)
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const agent = new Agent({
      ...client,
      keepAlive: true,
      maxSockets: 1,
      rejectUnauthorized: false,
    })
    for (const path of earlier) {
      const [response] = await once(request({ agent, port, path }).end(), 'response')
      expect((await response.toArray()).join('')).toMatch(/^\d+$/)
    }
    const last = request({ agent, port, path: '/last' })
    last.on('error', () => {}).end()
    await arrived
    expect(last.reusedSocket).toBe(earlier.length > 0)
    last.destroy()
    expect(await found).toEqual([undefined])
    agent.destroy()
    server.close()
  },
)
