import './browser.ts'
import { indexedDB } from 'fake-indexeddb'
import { OktaAuth, type AccessToken } from '@okta/okta-auth-js'
import { askAgain } from './ask-again.ts'
import { obtainToken } from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

let pairs = 0

describePeer('@okta/okta-auth-js', async (server, form) => {
  const okta = new OktaAuth({
    issuer: server.issuer,
    clientId: 'app',
    redirectUri: 'https://app.example.com/callback',
    pkce: true,
    dpop: true,
    storageManager: { token: { storageTypes: ['memory'] } },
  })
  pairs += 1
  const dpopPairId = `pair-${pairs}`
  await storeKeyPair(dpopPairId)
  const prove = (url: string, method: string, token: string, nonce?: string) => {
    const accessToken = { accessToken: token, dpopPairId } as AccessToken
    const parameters = { url, method, accessToken, ...(nonce !== undefined && { nonce }) }
    return okta.getDPoPAuthorizationHeaders(parameters as never)
  }
  const { Dpop: proof } = await prove(server.tokenEndpoint, 'POST', '')
  return {
    accessToken: await obtainToken(server, form, proof),
    async call(token, url, { method, body }) {
      const response = await askAgain(async (nonce) => {
        const headers = { ...(await prove(url, method, token, nonce)) }
        return fetch(url, { method, headers, body: body ?? null })
      })
      return response.status
    },
  }
})

/** As the client does when it exchanges a code; nothing that it exports makes a pair. */
async function storeKeyPair(name: string): Promise<void> {
  const pair = await crypto.subtle.generateKey(
    {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
    false,
    ['sign', 'verify'],
  )
  await new Promise<void>((resolve, reject) => {
    const opening = indexedDB.open('OktaAuthJs', 1)
    opening.onupgradeneeded = () => void opening.result.createObjectStore('DPoPKeys')
    opening.onerror = () => reject(new Error('not opened'))
    opening.onsuccess = () => {
      const transaction = opening.result.transaction('DPoPKeys', 'readwrite')
      transaction.objectStore('DPoPKeys').add(pair, name)
      transaction.oncomplete = () => resolve()
    }
  })
}
