import './browser.ts'
import { generateKeyPairSync } from 'node:crypto'
import { OidcClient } from '@axa-fr/oidc-client'
import { vi } from 'vitest'
import { obtainToken } from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

// It looks after its tokens every second, and asks whether anybody sees the page.
vi.stubGlobal('document', { hidden: false })

let clients = 0

describePeer('@axa-fr/oidc-client', async (server, form) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = privateKey.export({ format: 'jwk' })

  /** A client that finds its key, and perhaps its tokens, where a page before it has left them. */
  async function open(accessToken?: string): Promise<OidcClient> {
    clients += 1
    const name = `client-${clients}`
    const expiresAt = Math.floor(Date.now() / 1000) + 300
    const tokens = { accessToken, expiresAt, issuedAt: expiresAt - 300 }
    const storage = Object.assign(createStorage(), {
      [`oidc.jwk.${name}`]: JSON.stringify(jwk),
      [`oidc.${name}`]: JSON.stringify({ tokens: accessToken === undefined ? null : tokens }),
      [`oidc.login.${name}`]: '{}',
    })
    const client = OidcClient.getOrCreate(() => fetch)(
      {
        authority: server.issuer,
        client_id: 'app',
        redirect_uri: 'https://app.example.com/callback',
        scope: 'photos',
        storage,
        token_automatic_renew_mode: 'AutomaticOnlyWhenFetchExecuted' as never,
        demonstrating_proof_of_possession: true,
      },
      name,
    )
    await client.tryKeepExistingSessionAsync()
    return client
  }

  const first = await open()
  const proof = await first.generateDemonstrationOfProofOfPossessionAsync(
    '',
    server.tokenEndpoint,
    'POST',
  )
  const opened = new Map<string, OidcClient>()
  return {
    accessToken: await obtainToken(server, form, proof),
    async call(token, url, { method, body }) {
      const client = opened.get(token) ?? (await open(token))
      opened.set(token, client)
      const response = await client.fetchWithTokens(fetch, true)(url, {
        method,
        body: body ?? null,
      })
      return response.status
    },
  }
})

/** It writes and reads members of its storage, and calls the methods too. */
function createStorage(): Storage {
  const methods = {
    getItem(this: Record<string, string>, name: string) {
      return this[name] ?? null
    },
    setItem(this: Record<string, string>, name: string, value: string) {
      this[name] = value
    },
  }
  return Object.create(methods) as Storage
}
