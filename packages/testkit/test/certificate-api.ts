import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, ListenOptions } from 'node:net'
import { isPopError, mtls, storedTokens, type MtlsProxyOptions } from '@oauth-pop/core'
import { createProtection } from '@oauth-pop/core/node'
import { onTestFinished } from 'vitest'
import {
  apiUrl,
  readCertificate,
  sendOver,
  type RawRequest,
  type TlsConnection,
} from '../src/index.ts'

export interface CertificateApi {
  readonly port: number
  /** The codes of the refusals, in order. */
  readonly refused: readonly string[]
}

/** An API behind a proxy that ends TLS; it knows one token, `of-bob`, which is bound to the certificate of bob. */
export async function startApi(
  proxy: MtlsProxyOptions,
  at: ListenOptions = { host: '127.0.0.1', port: 0 },
): Promise<CertificateApi> {
  const bob = readCertificate('bob').thumbprint
  const record = { aud: apiUrl, sub: 'bob', cnf: { 'x5t#S256': bob } }
  const protection = createProtection({
    publicUrl: apiUrl,
    tokens: storedTokens((_hash, token) => (token === 'of-bob' ? record : undefined), {
      audience: apiUrl,
    }),
    schemes: [mtls({ proxy })],
  })
  const refused: string[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const view = { target: request.url ?? '', origin: () => apiUrl }
    try {
      await protection.verify(request, response, view)
      response.end('the handler ran')
    } catch (error) {
      if (!isPopError(error)) throw error
      refused.push(error.code)
      response.writeHead(error.status).end()
    }
  }
  const server = createServer((request, response) => void answer(request, response))
  server.listen(at)
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address() as AddressInfo | string
  return { port: typeof address === 'string' ? 0 : address.port, refused }
}

/** A request with the token of bob and these headers. */
export function requestOfBob(...headers: RawRequest['headers']): RawRequest {
  const own = [
    ['Host', 'api.example.com'],
    ['Authorization', 'Bearer of-bob'],
  ] as const
  return { method: 'GET', target: '/items', headers: [...own, ...headers] }
}

/** The status of the answer over a connection, which ends with it. */
export async function ask(
  connection: Promise<TlsConnection>,
  ...headers: RawRequest['headers']
): Promise<number> {
  const { socket } = await connection
  try {
    return (await sendOver(socket, requestOfBob(...headers))).status
  } finally {
    socket.destroy()
  }
}
