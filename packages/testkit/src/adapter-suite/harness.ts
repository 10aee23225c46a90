import type { TlsOptions } from 'node:tls'
import type {
  AccessToken,
  AuthenticationRequirement,
  ClaimsCheck,
  CoverageRequirement,
  RequiredScheme,
} from '@oauth-pop/core'
import type { AdapterOptions } from '@oauth-pop/core/node'

/** A real server of the framework, with the adapter in front of one handler for every path and method. */
export interface AdapterServer {
  readonly port: number
  /** How often the handler ran. */
  readonly handled: () => number
  readonly close: () => Promise<void>
}

/** A server's side of TLS. With `http2`, clients that ask for it get it, and the others HTTP/1.1. */
export interface ServerTls extends TlsOptions {
  readonly http2?: true
}

/** What stands behind the adapter and around it. */
export interface Route {
  /** Headers that the handler sets. */
  readonly headers?: Readonly<Record<string, string>>
  /** Guards in front of the handler. */
  readonly guards?: Guards
  /** The handler throws an error with this message. */
  readonly failure?: string
  /** The framework believes the headers of a proxy. */
  readonly trustsProxy?: boolean
  /** A step ahead of the adapter has set this as `accessToken`. */
  readonly unverified?: AccessToken
  /** The server speaks TLS. */
  readonly tls?: ServerTls | undefined
}

/** The arguments of each guard that a route has. */
export interface Guards {
  readonly token?: true
  readonly schemes?: readonly RequiredScheme[]
  readonly scopes?: readonly string[]
  readonly anyScope?: readonly string[]
  readonly claims?: ClaimsCheck
  readonly coverage?: CoverageRequirement
  readonly authentication?: AuthenticationRequirement
}

export interface AdapterHarness {
  /** The framework shows the guards of its routes when they are made. */
  readonly seesGuards?: true
  /** The framework takes requests of HTTP/2. */
  readonly speaksHttp2?: true
  /** The handler answers 200 with `describeToken(accessToken)` as JSON. */
  start(options: AdapterOptions, route?: Route): Promise<AdapterServer>
}

/** The guards of a route, made with the functions of an adapter. */
export function createGuards<Guard>(
  { token, schemes, scopes, anyScope, claims, coverage, authentication }: Guards,
  adapter: {
    requireToken(): Guard
    requireScheme(...names: RequiredScheme[]): Guard
    requireScopes(...all: string[]): Guard
    requireAnyScope(...any: string[]): Guard
    requireClaims(check: ClaimsCheck): Guard
    requireCoverage(requirement: CoverageRequirement): Guard
    requireAuthentication(requirement: AuthenticationRequirement): Guard
  },
): readonly Guard[] {
  return [
    ...(token ? [adapter.requireToken()] : []),
    ...(schemes ? [adapter.requireScheme(...schemes)] : []),
    ...(scopes ? [adapter.requireScopes(...scopes)] : []),
    ...(anyScope ? [adapter.requireAnyScope(...anyScope)] : []),
    ...(claims ? [adapter.requireClaims(claims)] : []),
    ...(coverage ? [adapter.requireCoverage(coverage)] : []),
    ...(authentication ? [adapter.requireAuthentication(authentication)] : []),
  ]
}

/** What the handler of a harness answers. */
export function describeToken(accessToken: AccessToken | undefined): object {
  if (accessToken === undefined) return { anonymous: true }
  const { scheme, scope, scopes, subject, clientId, audience, keyThumbprint, coverage } =
    accessToken
  return { scheme, scope, scopes, subject, clientId, audience, keyThumbprint, coverage }
}
