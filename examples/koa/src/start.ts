import { once } from 'node:events'
import type { StartApi } from '@oauth-pop/example-visit'
import { createApi } from './api.ts'

export const startApi: StartApi = async (port, options) => {
  const server = createApi(options).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return async () => {
    server.close().closeAllConnections()
  }
}
