import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { HttpRequest } from '../request.ts'
import { unixAddress } from '../schemes/mtls/hop.ts'

/** A connection keeps its certificate; asking for it anew costs as much as ten thumbprints. */
const certificates = new WeakMap<object, Uint8Array>()

type Peer = ReturnType<NonNullable<HttpRequest['peer']>>

/** The peer of the connection; each part is looked up when asked for. */
export function peerOf(request: IncomingMessage): Peer {
  return new ConnectionPeer(request)
}

/** A class, because making an object with getters of its own costs as much as all that they do. */
class ConnectionPeer implements Peer {
  readonly #request: IncomingMessage

  constructor(request: IncomingMessage) {
    this.#request = request
  }

  get address(): string {
    return addressOf(this.#request)
  }

  get certificate(): Uint8Array | undefined {
    return certificateOf(this.#request)
  }
}

/** A TCP socket always has an address of its own, also when the peer is gone; a Unix socket never. */
function addressOf({ socket }: IncomingMessage): string {
  try {
    const { remoteAddress, localAddress, destroyed } = socket
    if (remoteAddress !== undefined) return remoteAddress
    return destroyed || localAddress !== undefined ? '' : unixAddress
  } catch {
    return '' // an HTTP/2 session that is closed
  }
}

function certificateOf(request: IncomingMessage): Uint8Array | undefined {
  try {
    // Also where an earlier request has asked: what is gone has no certificate.
    if (request.socket.destroyed) return undefined
    const connection = connectionOf(request)
    const known = certificates.get(connection)
    if (known !== undefined) return known
    // Node answers nothing for a socket that is gone. Others, and other times, may throw: no certificate either.
    const raw = (request.socket as Partial<TLSSocket>).getPeerX509Certificate?.()?.raw
    if (raw !== undefined) certificates.set(connection, raw)
    return raw
  } catch {
    return undefined
  }
}

/** The compatibility API of HTTP/2 makes another socket object for each stream. */
function connectionOf(request: IncomingMessage | Http2ServerRequest): object {
  return ('stream' in request && request.stream.session) || request.socket
}
