import { startApi } from './api.ts'
import { startAuthorizationServer } from './authorization-server.ts'
import { startPageServer } from './page-server.ts'
import type { RunningServer } from './server.ts'

export interface Ecosystem {
  readonly authorizationServer: RunningServer
  readonly api: RunningServer
  readonly page: RunningServer
  close(): Promise<void>
}

/** Starts authorization server, API and page, each an origin of its own. */
export async function startEcosystem({ pagePort = 0 } = {}): Promise<Ecosystem> {
  const authorizationServer = await startAuthorizationServer()
  const api = await startApi({ authorizationServer: authorizationServer.url })
  const urls = { authorizationServer: authorizationServer.url, api: api.url }
  const page = await startPageServer(urls, pagePort)
  authorizationServer.registerRedirectUri(`${page.url}/`)
  return {
    authorizationServer,
    api,
    page,
    async close() {
      await Promise.all([authorizationServer.close(), api.close(), page.close()])
    },
  }
}
