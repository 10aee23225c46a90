import type { postgresReplayStore } from '@oauth-pop/postgres'
import type { redisReplayStore } from '@oauth-pop/redis'

type Send = Parameters<typeof redisReplayStore>[0]['send']
type Query = Parameters<typeof postgresReplayStore>[0]['query']

interface Closing {
  readonly close: () => Promise<void>
}

export const redisClients = ['ioredis', 'node-redis', 'iovalkey', 'GLIDE'] as const
export type RedisClient = (typeof redisClients)[number]
export const postgresClients = ['pg', 'postgres.js'] as const
export type PostgresClient = (typeof postgresClients)[number]

/** Reconnects quickly, and keeps no queue while it is down. */
const reconnectMs = 50

/**
 * A client as an application would set it up for the store.
 *
 * @param address path of a socket, or `redis://` URL; a list names the nodes of a cluster
 */
export async function openRedis(
  client: RedisClient,
  address: string | readonly string[],
): Promise<{ readonly send: Send } & Closing> {
  if (typeof address !== 'string') return openCluster(address)
  switch (client) {
    case 'ioredis': {
      const { Redis } = await import('ioredis')
      return useIoredis(new Redis(address, ioredisOptions))
    }
    case 'iovalkey': {
      const { Redis } = await import('iovalkey')
      return useIoredis(new Redis(address, ioredisOptions) as unknown as IoredisLike)
    }
    case 'node-redis': {
      const { createClient } = await import('redis')
      const where = address.startsWith('/')
        ? { socket: { path: address, tls: false as const, reconnectStrategy: () => reconnectMs } }
        : { url: address, socket: { reconnectStrategy: () => reconnectMs } }
      const redis = createClient({ ...where, disableOfflineQueue: true })
      redis.on('error', () => {})
      await redis.connect()
      return {
        send: (command) => redis.sendCommand(command),
        close: async () => redis.destroy(),
      }
    }
    case 'GLIDE': {
      const { GlideClient } = await import('@valkey/valkey-glide')
      const { hostname: host, port } = new URL(address)
      const glide = await GlideClient.createClient({ addresses: [{ host, port: Number(port) }] })
      return {
        send: (command) => glide.customCommand(command),
        close: async () => glide.close(),
      }
    }
  }
}

const ioredisOptions = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  retryStrategy: () => reconnectMs,
}

interface IoredisLike {
  call: (...command: [string, ...string[]]) => Promise<unknown>
  on: (event: 'error', listener: () => void) => unknown
  once: (event: 'ready', listener: () => void) => unknown
  disconnect: () => void
}

async function useIoredis(redis: IoredisLike): Promise<{ readonly send: Send } & Closing> {
  redis.on('error', () => {})
  await firstOf((ready) => redis.once('ready', ready))
  return {
    send: (command) => redis.call(...command),
    close: async () => redis.disconnect(),
  }
}

async function openCluster(
  addresses: readonly string[],
): Promise<{ readonly send: Send } & Closing> {
  const { Cluster } = await import('ioredis')
  const cluster = new Cluster([...addresses], {
    enableOfflineQueue: false,
    clusterRetryStrategy: () => reconnectMs,
    slotsRefreshInterval: 500,
    redisOptions: ioredisOptions,
  })
  return useIoredis(cluster as unknown as IoredisLike)
}

/** An API starts also while its server is down. */
function firstOf(onReady: (ready: () => void) => unknown): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 1000).unref()
    onReady(resolve)
  })
}

/** Four processes with as many each are what two cores can serve. */
const connections = 4
const postgresUser = { user: 'postgres', database: 'postgres' }

/** A pool of pg, whose connections something else of the application may take and keep. */
export interface Pool extends Closing {
  readonly query: Query
  /** Takes all connections. Resolves to what gives them back. */
  readonly hold: () => Promise<() => void>
}

/**
 * @param host the folder of the server's socket
 * @param waitMs how long the pool lets wait for a connection; 0: for ever, as pg does by default
 */
export async function openPool(host: string, max = connections, waitMs = 1000): Promise<Pool> {
  const { default: pg } = await import('pg')
  const times = { connectionTimeoutMillis: waitMs, query_timeout: 1000 }
  const pool = new pg.Pool({ host, ...postgresUser, max, ...times })
  pool.on('error', () => {})
  return {
    query: (text, values) => pool.query(text, values),
    close: () => pool.end(),
    async hold() {
      const held = await Promise.all(Array.from({ length: max }, () => pool.connect()))
      return () => {
        for (const connection of held) connection.release()
      }
    },
  }
}

/** @param host the folder of the server's socket */
export async function openPostgres(
  client: PostgresClient,
  host: string,
): Promise<{ readonly query: Query } & Closing> {
  if (client === 'pg') return openPool(host)
  const { default: postgres } = await import('postgres')
  const quick = { connect_timeout: 1, backoff: () => reconnectMs / 1000 }
  const sql = postgres({ host, ...postgresUser, max: connections, onnotice: () => {}, ...quick })
  return {
    query: (text, values) => sql.unsafe(text, values),
    close: () => sql.end({ timeout: 1 }),
  }
}
