import { once } from 'node:events'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect, type ConnectionOptions, type SecureVersion, type TLSSocket } from 'node:tls'
import type { ServerTls } from './adapter-suite/harness.ts'
import { readCertificate, readCertificateKey, type CertificateName } from './certificates.ts'

/** Those who have a certificate and its key. */
export type CertificateHolder = Exclude<CertificateName, 'ca'>

/** A server of TLS that asks its clients for a certificate, and judges none. */
export function serverTls(more: ServerTls = {}): ServerTls {
  return { ...identityOf('server'), requestCert: true, rejectUnauthorized: false, ...more }
}

/** A certificate and its key, as the options of TLS name them; nothing for nobody. */
export function identityOf(name: CertificateHolder | undefined): { cert?: string; key?: string } {
  if (name === undefined) return {}
  return { cert: readCertificate(name).cert, key: readCertificateKey(name) }
}

export interface TlsConnection {
  readonly socket: TLSSocket
  /** What the next connection can resume; of TLS 1.3 it comes after the handshake. */
  readonly session: Promise<Buffer>
}

/** A connection of TLS to a server of this kit, by its port or the path of its socket, with the certificate of somebody or without one. */
export async function connectTls(
  at: number | string,
  name?: CertificateHolder,
  { version, session }: { version?: SecureVersion; session?: Buffer } = {},
): Promise<TlsConnection> {
  const socket = connect({
    ...clientTls(name),
    ...(typeof at === 'string' ? { path: at, servername: 'localhost' } : { port: at }),
    host: '127.0.0.1',
    ...(version && { minVersion: version, maxVersion: version }),
    ...(session && { session }),
  })
  const given = once(socket, 'session').then(([ticket]) => ticket as Buffer)
  given.catch(() => {})
  await once(socket, 'secureConnect')
  socket.on('error', () => {}) // a server that goes away
  return { socket, session: given }
}

/** A session of HTTP/2 over TLS. */
export async function connectHttp2Tls(
  port: number,
  name?: CertificateHolder,
): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, clientTls(name))
  await once(session, 'connect')
  session.on('error', () => {})
  return session
}

function clientTls(name: CertificateHolder | undefined): ConnectionOptions {
  return { ...identityOf(name), ca: readCertificate('ca').cert }
}
