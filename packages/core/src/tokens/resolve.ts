import { hash } from 'node:crypto'
import { PopError, type Evidence } from '../errors.ts'
import { createRedactor, describeFault } from '../fault.ts'
import { callOutside } from '../outside-call.ts'
import type { Exchange } from '../schemes/scheme.ts'
import {
  isOurs,
  sealForeign,
  type ResolveContext,
  type ResolvedToken,
  type TokenResolver,
} from './resolver.ts'

declare const timely: unique symbol

/** What a resolver says of a token that is in time; `resolveAccessToken` alone makes one. */
export interface TimelyToken extends ResolvedToken {
  readonly [timely]: true
}

/**
 * What the first resolver that recognises the token says of it, if the token is in time. A resolver
 * that throws anything but a refusal is an outage: 503, never a refused token.
 */
export async function resolveAccessToken(
  token: string,
  exchange: Exchange,
  resolvers: readonly TokenResolver[],
): Promise<TimelyToken> {
  const reasons: Evidence[] = []
  const context: ResolveContext = {
    // Made when asked for: not every resolver wants it.
    get sha256(): Uint8Array {
      return hash('sha256', token, 'buffer')
    },
    explain: (reason) => void reasons.push(reason),
  }
  for (const resolver of resolvers) {
    const resolved = await ask(resolver, token, context)
    if (resolved === undefined) continue
    checkTokenTime(resolved, exchange)
    return resolved as TimelyToken
  }
  throw withoutToken(new PopError('ERR_POP_TOKEN_UNKNOWN', joinReasons(reasons)), token)
}

/** One reason as it is; several as one line. */
function joinReasons(reasons: readonly Evidence[]): Evidence | undefined {
  const [first] = reasons
  if (first === undefined || reasons.length === 1) return first
  const lines = reasons.map(({ member, expected, actual }) => {
    const other = expected === undefined ? '' : ` instead of ${listOf(expected)}`
    return `${member}: ${listOf(actual)}${other}`
  })
  return { member: 'tokens', actual: lines.join('; ') }
}

function listOf(value: unknown): string {
  return [value]
    .flat()
    .filter((item) => typeof item === 'string')
    .join(', ')
}

async function ask(
  resolver: TokenResolver,
  token: string,
  context: ResolveContext,
): Promise<ResolvedToken | undefined> {
  try {
    // A resolver of ours bounds by itself what waits.
    const resolved = isOurs(resolver)
      ? await resolver.resolve(token, context)
      : await callOutside(resolver, () => resolver.resolve(token, context))
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
  if (error instanceof PopError) return withoutToken(error, token)
  return new PopError('ERR_POP_TOKEN_SOURCE_UNAVAILABLE', describeFault(error, token))
}

/** The same refusal with evidence that holds neither the token nor a part of it. */
function withoutToken(error: PopError, token: string): PopError {
  const { code, cause } = error
  if (cause === undefined) return error
  if (cause instanceof Error) return new PopError(code, describeFault(cause, token))
  const hideToken = createRedactor(token)
  const hide = (value: unknown): unknown => (typeof value === 'string' ? hideToken(value) : value)
  const { member, expected, actual } = cause as Evidence
  return new PopError(code, {
    member: hideToken(member),
    ...(expected !== undefined && { expected: hide(expected) }),
    ...(actual !== undefined && { actual: hide(actual) }),
  })
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
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new PopError('ERR_POP_TOKEN_CLAIM_INVALID', { member })
}
