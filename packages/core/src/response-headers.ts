import type { Credential, Exchange, Proof } from './schemes/scheme.ts'

/**
 * Headers of an accepted request: a fresh nonce where the client's is missing or ageing
 * (RFC 9449 section 8.2; `Authentication-Info` as MSAL parses it), and, for a credential that
 * travelled in the URL, rules that keep the URL out of caches and referrers.
 */
export function successHeaders(
  { scheme, transport }: Credential,
  { nonce }: Proof,
  { nonces }: Exchange,
): readonly (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = []
  const purpose = scheme.challenge
  if (nonces !== undefined && scheme.nonceError !== undefined) {
    const current = nonce !== undefined && nonces.judge(nonce, purpose).verdict === 'current'
    if (!current) headers.push(nonceHeader(purpose, nonces.mint(purpose)))
  }
  if (transport === 'query') {
    headers.push(['cache-control', 'private'], ['referrer-policy', 'no-referrer'])
  }
  return headers
}

function nonceHeader(challenge: string, nonce: string): readonly [string, string] {
  return challenge === 'DPoP'
    ? ['dpop-nonce', nonce]
    : ['authentication-info', `PoP nextnonce="${nonce}"`]
}
