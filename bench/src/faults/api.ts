import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Jwk } from '@oauth-pop/core'
import { ask, startChild } from '../child.ts'
import type { StoreSettings } from './stores.ts'

/** What an API process is made of. */
export interface ApiSettings {
  readonly host?: 'http' | 'Fastify' | 'Express'
  readonly tokens:
    | {
        readonly jwks: { readonly keys: readonly Jwk[] } | string
        readonly cache?: false | { readonly maxEntries: number }
      }
    | { readonly introspection: string; readonly cacheSeconds?: number }
    /** Looked up through a pool of one connection to a PostgreSQL with its socket in this folder. */
    | { readonly stored: string; readonly waitMs: number }
  readonly store: StoreSettings
  readonly maxAgeSeconds?: number
  /** The handler takes so long. */
  readonly handlerMs?: number
  /** Default a free one. */
  readonly port?: number
}

/** What an API process says of itself; counts and times since it was last asked. */
export interface Report {
  /** CPU time since its start, microseconds. */
  readonly cpu: number
  readonly rss: number
  /** Bytes on the heap, after a full collection if it was asked for. */
  readonly heap: number
  /** Sockets, timers and the like that are open. */
  readonly handles: number
  /** Milliseconds. */
  readonly delayP99: number
  readonly delayMax: number
  /** Requests that reached the handler. */
  readonly handled: number
  /** Uses that the replay store was asked about. */
  readonly claims: number
  readonly refused: Readonly<Record<string, number>>
  readonly warnings: number
  readonly outages: number
}

export type Order =
  | { readonly do: 'report'; readonly collect?: true }
  | { readonly do: 'block'; readonly milliseconds: number }
  /** Sets the clock of ages forward. */
  | { readonly do: 'warp'; readonly seconds: number }
  /** Takes all connections of its pool, or gives them back. */
  | { readonly do: 'hold' | 'release' }

export interface Api {
  readonly child: ChildProcess
  /** The route behind the verifier, and the same route without. */
  readonly port: number
  readonly plainPort: number
  readonly report: (collect?: true) => Promise<Report>
  readonly tell: (order: Order) => Promise<Report>
  readonly kill: () => Promise<void>
}

/** Starts an API process, as built: users run what is built. */
export async function startApi(settings: ApiSettings): Promise<Api> {
  const { child, ready } = await startChild<{ readonly port: number; readonly plainPort: number }>(
    new URL('./api-server.ts', import.meta.url),
    [JSON.stringify(settings)],
    ['--expose-gc', '--no-warnings'],
  )
  return {
    child,
    ...ready,
    report: (collect) => ask(child, { do: 'report', ...(collect && { collect }) }),
    tell: (order) => ask(child, order),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}

export async function startApis(count: number, settings: ApiSettings): Promise<readonly Api[]> {
  return Promise.all(Array.from({ length: count }, () => startApi(settings)))
}
