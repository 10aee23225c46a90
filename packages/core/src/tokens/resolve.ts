import { hash } from 'node:crypto'
import { PopError } from '../errors.ts'
import { describeFault } from '../fault.ts'
import type { Exchange } from '../schemes/scheme.ts'
import { sealForeign, type ResolvedToken, type TokenResolver } from './resolver.ts'

/**
 * What the first resolver that recognises the token says of it, if the token is in time. A resolver
 * that throws anything but a refusal is an outage: 503, never a refused token.
 */
export async function resolveAccessToken(
  token: string,
  exchange: Exchange,
  resolvers: readonly TokenResolver[],
): Promise<ResolvedToken> {
  const context = {
    // Made when asked for: not every resolver wants it.
    get sha256(): Uint8Array {
      return hash('sha256', token, 'buffer')
    },
  }
  for (const resolver of resolvers) {
    const resolved = await ask(resolver, token, context)
    if (resolved === undefined) continue
    checkTokenTime(resolved, exchange)
    return resolved
  }
  throw new PopError('ERR_POP_TOKEN_UNKNOWN')
}

async function ask(
  resolver: TokenResolver,
  token: string,
  context: { readonly sha256: Uint8Array },
): Promise<ResolvedToken | undefined> {
  try {
    const resolved = await resolver.resolve(token, context)
    if (resolved === undefined) return undefined
    const sealed = sealForeign(resolved)
    if (sealed !== undefined) return sealed
  } catch (error) {
    throw asRefusal(error, token)
  }
  throw new PopError('ERR_POP_TOKEN_SOURCE_UNAVAILABLE', {
    member: 'resolver',
    actual: 'not a ResolvedToken',
  })
}

/** A resolver refuses with a `PopError`; anything else is an outage. */
function asRefusal(error: unknown, token: string): PopError {
  if (!(error instanceof PopError))
    return new PopError('ERR_POP_TOKEN_SOURCE_UNAVAILABLE', describeFault(error, token))
  const fault = describeFault(error.cause, token)
  if (fault !== undefined) return new PopError(error.code, fault)
  return JSON.stringify(error.cause ?? {}).includes(token) ? new PopError(error.code) : error
}

/** `exp`, `nbf` and `iat` (RFC 7519 section 4.1), on every request, also for a cached token. */
function checkTokenTime({ claims, expiresAt }: ResolvedToken, exchange: Exchange): void {
  const { now, clockToleranceSeconds: tolerance } = exchange
  const exp = readTime(expiresAt ?? claims['exp'], 'exp')
  const nbf = readTime(claims['nbf'], 'nbf')
  const iat = readTime(claims['iat'], 'iat')
  if (exp !== undefined && now - tolerance >= exp) {
    throw new PopError('ERR_POP_TOKEN_EXPIRED', {
      member: 'exp',
      expected: `after ${now - tolerance}`,
      actual: exp,
    })
  }
  const latest = now + tolerance
  const ahead = nbf !== undefined && nbf > latest ? 'nbf' : 'iat'
  const start = Math.max(nbf ?? 0, iat ?? 0)
  if (start > latest) {
    throw new PopError('ERR_POP_TOKEN_NOT_YET_VALID', {
      member: ahead,
      expected: `at most ${latest}`,
      actual: start,
    })
  }
}

function readTime(value: unknown, member: string): number | undefined {
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value
  throw new PopError('ERR_POP_TOKEN_CLAIM_INVALID', { member })
}
