import { once } from 'node:events'
import { createServer } from 'node:net'
import {
  startPostgres,
  startRedis,
  type PostgresOptions,
  type RealPostgres,
  type RealRedis,
  type RedisOptions,
} from '@oauth-pop/testkit'
import { portOf } from '../adapter-hosts.ts'
import type { Context } from './scenario.ts'

/** A real Redis that ends with the scenario. */
export async function openRealRedis(
  { defer }: Context,
  options: RedisOptions = {},
): Promise<RealRedis> {
  const redis = await startRedis(options)
  defer(redis.stop)
  return redis
}

/** A real PostgreSQL that ends with the scenario. */
export async function openRealPostgres(
  { defer }: Context,
  options: PostgresOptions = {},
): Promise<RealPostgres> {
  const postgres = await startPostgres(options)
  defer(postgres.stop)
  return postgres
}

/** A port of the loopback interface that nobody has. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  return port
}
