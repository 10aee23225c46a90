import { confirmationRequest } from '@oauth-pop/client'
import * as oauth from 'oauth4webapi'

const client: oauth.Client = { client_id: 'photo-page' }
const redirectUri = `${location.origin}/`
const pending = 'sign-in'
// The example runs on loopback, without TLS.
const insecure = { [oauth.allowInsecureRequests]: true }

/** Finds the endpoints of the authorization server (RFC 8414). */
export async function discover(url: string): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(url)
  const response = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' })
  return oauth.processDiscoveryResponse(issuer, response)
}

/** Leaves for the authorization server, which sends the browser back with a code. */
export async function startSignIn(server: oauth.AuthorizationServer): Promise<void> {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  sessionStorage.setItem(pending, JSON.stringify({ verifier, state }))
  const url = new URL(server.authorization_endpoint as string)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: redirectUri,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString()
  location.assign(url)
}

/** Whether this page was opened by the authorization server. */
export function isBackFromSignIn(): boolean {
  return new URLSearchParams(location.search).has('state')
}

/** Trades the code in the address bar for an access token that is bound to the key. */
export async function finishSignIn(
  server: oauth.AuthorizationServer,
  { api, thumbprint }: { api: string; thumbprint: string },
): Promise<string> {
  const { verifier, state } = takePending()
  const answer = new URL(location.href)
  history.replaceState(null, '', '/')
  const parameters = oauth.validateAuthResponse(server, client, answer, state)
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    parameters,
    redirectUri,
    verifier,
    {
      ...insecure,
      additionalParameters: { resource: api, req_cnf: confirmationRequest({ thumbprint }) },
    },
  )
  const token = await oauth.processAuthorizationCodeResponse(server, client, response, {
    recognizedTokenTypes: { pop: () => {} },
  })
  if (token.token_type !== 'pop') throw new Error('the access token is not bound to the key')
  return token.access_token
}

function takePending(): { verifier: string; state: string } {
  const found = sessionStorage.getItem(pending)
  sessionStorage.removeItem(pending)
  if (found === null) throw new Error('this sign-in was not started here')
  return JSON.parse(found) as { verifier: string; state: string }
}
