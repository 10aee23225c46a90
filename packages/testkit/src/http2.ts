import { once } from 'node:events'
import {
  connect,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { text } from 'node:stream/consumers'

export interface Http2Response {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Sends one request on a connection of its own, to `api.example.com` unless a header says otherwise. */
export async function sendHttp2(
  port: number,
  headers: OutgoingHttpHeaders,
  body?: Uint8Array,
): Promise<Http2Response> {
  const session = connect(`http://127.0.0.1:${port}`)
  try {
    return await sendInSession(session, headers, body)
  } finally {
    session.close()
  }
}

/** Sends one request as a stream of a session, to `api.example.com` unless a header says otherwise. */
export async function sendInSession(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: Uint8Array,
): Promise<Http2Response> {
  const stream = session.request(
    { ':path': '/items', ':authority': 'api.example.com', ...headers },
    { endStream: body === undefined },
  )
  if (body !== undefined) stream.end(body)
  const closed = once(stream, 'close').then(() => {
    throw new Error('the stream closed without an answer')
  })
  const [received] = await Promise.race([
    once(stream, 'response') as Promise<[IncomingHttpHeaders]>,
    closed,
  ])
  return { status: Number(received[':status']), headers: received, body: await text(stream) }
}
