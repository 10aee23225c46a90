/** What a handler finds in its request, in the words of its framework. */
export interface View {
  /** The scheme of the access token, or null for a request that passed without one. */
  readonly scheme: string | null
  /** The pattern of the route that ran. */
  readonly route: string
  readonly params: unknown
  readonly path: string
  readonly method: string
  /** Without port. */
  readonly host: string
  readonly query: unknown
  readonly headers: Readonly<Record<string, unknown>>
  /** As the body parser of the framework left it. */
  readonly body: unknown
}

/** The routes of every host. A mounted application has them below its mount path. */
export const routes = ['/', '/photos', '/photos/:id', '/admin', '/x', '/billing/x'] as const

/** A credential is not sent back. */
export function withoutCredential(
  headers: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { authorization: _authorization, dpop: _dpop, ...rest } = headers
  return rest
}

/** For routers that keep the target as it arrived. */
export function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?]*/i, '').split('?', 1)[0] || '/'
}
