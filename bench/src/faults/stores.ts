import { memoryReplayStore, type ReplayStore } from '@oauth-pop/core'
import { postgresReplayStore } from '@oauth-pop/postgres'
import { redisReplayStore } from '@oauth-pop/redis'
import {
  openPool,
  openPostgres,
  openRedis,
  type Pool,
  type PostgresClient,
  type RedisClient,
} from './clients.ts'

/** Which store a process has; plain data, for it goes to child processes. */
export type StoreSettings =
  | {
      readonly kind: 'memory'
      readonly restartGuard?: 'on' | 'off'
      readonly maxEntriesPerOwner?: number
    }
  | {
      readonly kind: 'redis'
      /** Path of a socket, or `redis://` URL; several nodes are a cluster. */
      readonly address: string | readonly string[]
      readonly client?: RedisClient
      readonly prefix?: string
      readonly maxEntriesPerOwner?: number
      readonly wait?: { readonly replicas: number; readonly milliseconds: number }
    }
  | {
      readonly kind: 'postgres'
      /** The folder of its socket. */
      readonly host: string
      readonly client?: PostgresClient
      /** pg with so many connections, which an order can take. */
      readonly connections?: number
      readonly maxEntriesPerOwner?: number
    }

export interface OpenStore {
  readonly store: ReplayStore
  readonly close: () => Promise<void>
  readonly pool?: Pool
}

export async function openStore(settings: StoreSettings): Promise<OpenStore> {
  if (settings.kind === 'memory') {
    const { kind: _kind, ...options } = settings
    return { store: memoryReplayStore(options), close: async () => {} }
  }
  if (settings.kind === 'redis') {
    const { kind: _kind, address, client = 'ioredis', ...options } = settings
    const { send, close } = await openRedis(client, address)
    return { store: redisReplayStore({ send, ...options }), close }
  }
  const { kind: _kind, host, client = 'pg', connections, ...options } = settings
  const pool = connections === undefined ? undefined : await openPool(host, connections)
  const { query, close } = pool ?? (await openPostgres(client, host))
  const store = postgresReplayStore({ query, ...options })
  // Processes that start while the server is down do not fail for it.
  await store.migrate().catch(() => {})
  return { store, close, ...(pool && { pool }) }
}
