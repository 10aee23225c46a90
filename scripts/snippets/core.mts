// What the blocks for `node:http` take from their reader.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { AccessToken } from '@oauth-pop/core'

export * from '@oauth-pop/core'

export const acceptSocket = (
  _request: IncomingMessage,
  socket: Duplex,
  _head: Buffer,
  _accessToken: AccessToken,
): void => void socket.end()
