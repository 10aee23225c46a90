import { createPopFetch, type Fetch, type ProofKey } from '@oauth-pop/client'

/** The token response of our authorization server. */
export interface Token {
  readonly access_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope: string
  readonly access_token_key: ProofKey
}

/** Asks for a token for one API; the private key comes with it. */
export async function fetchToken(authorizationServer: string, api: string): Promise<Token> {
  const basic = Buffer.from('photo-app:photo-app-secret').toString('base64')
  const response = await fetch(`${authorizationServer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: api }),
  })
  if (!response.ok) throw new Error(`the authorization server answered ${response.status}`)
  return (await response.json()) as Token
}

/** A `fetch` that signs what it sends: query and body too. */
export function createApiClient(token: Token, send?: Fetch): Fetch {
  return createPopFetch({
    accessToken: token.access_token,
    key: token.access_token_key,
    cover: { query: true, body: true },
    ...(send && { fetch: send }),
  })
}
