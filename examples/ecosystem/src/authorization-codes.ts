import { createHash, randomBytes } from 'node:crypto'
import { IssuerError } from '@oauth-pop/issuer'

const lifetime = 60_000

/** What the user agreed to. */
export interface Authorization {
  readonly clientId: string
  readonly redirectUri: string
  readonly codeChallenge: string
}

export interface AuthorizationCodes {
  issue(authorization: Authorization): string
  /** @throws IssuerError `invalid_grant` unless the code is live and everything fits */
  redeem(clientId: string, parameters: URLSearchParams): void
}

/** Codes are random, good for a minute and good once (RFC 6749 section 4.1, RFC 7636). */
export function createAuthorizationCodes(now: () => number = Date.now): AuthorizationCodes {
  const live = new Map<string, Authorization & { readonly expiresAt: number }>()

  function take(code: string) {
    const found = live.get(code)
    live.delete(code)
    return found !== undefined && now() < found.expiresAt ? found : undefined
  }

  return {
    issue(authorization) {
      for (const [code, { expiresAt }] of live) if (expiresAt <= now()) live.delete(code)
      const code = randomBytes(32).toString('base64url')
      live.set(code, { ...authorization, expiresAt: now() + lifetime })
      return code
    },
    redeem(clientId, parameters) {
      const found = take(parameters.get('code') ?? '')
      const isGood =
        found?.clientId === clientId &&
        found.redirectUri === parameters.get('redirect_uri') &&
        found.codeChallenge === challengeOf(parameters.get('code_verifier') ?? '')
      if (!isGood) throw new IssuerError('invalid_grant', 'The code is not good for this request')
    },
  }
}

function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}
