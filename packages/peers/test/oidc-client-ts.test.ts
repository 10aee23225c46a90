import './browser.ts'
import {
  IndexedDbDPoPStore,
  InMemoryWebStorage,
  User,
  UserManager,
  WebStorageStateStore,
} from 'oidc-client-ts'
import { askAgain } from './ask-again.ts'
import { obtainToken } from './authorization-server.ts'
import { describePeer } from './describe-peer.ts'

let clients = 0

describePeer('oidc-client-ts', async (server, form) => {
  clients += 1
  const dpop = { store: new IndexedDbDPoPStore(), bind_authorization_code: true }
  const storage = new WebStorageStateStore({ store: new InMemoryWebStorage() })
  const manager = new UserManager({
    authority: server.issuer,
    client_id: `app-${clients}`, // its key is kept by this name
    redirect_uri: 'https://app.example.com/callback',
    automaticSilentRenew: false,
    userStore: storage,
    stateStore: storage,
    dpop,
  })
  await manager.generateDPoPJkt(dpop)
  const userWith = (token: string): User =>
    new User({ access_token: token, token_type: 'DPoP', profile: {} as never })
  const prove = async (url: string, token: string, method: string, nonce?: string) =>
    (await manager.dpopProof(url, userWith(token), method, nonce)) ?? ''
  const proof = await prove(server.tokenEndpoint, '', 'POST')
  return {
    accessToken: await obtainToken(server, form, proof),
    async call(token, url, { method, body }) {
      const response = await askAgain(async (nonce) => {
        const dpop = await prove(url, token, method, nonce)
        const headers = { authorization: `DPoP ${token}`, dpop }
        return fetch(url, { method, headers, body: body ?? null })
      })
      return response.status
    },
  }
})
