import { spawnSync } from 'node:child_process'
import type { TestProject } from 'vitest/node'
import { findPostgres, makePostgresTemplate, startPostgres } from './real-postgres.ts'
import { startRedis } from './real-redis.ts'

export * from './real-nginx.ts'
export * from './real-postgres.ts'
export * from './real-redis-groups.ts'
export * from './real-redis.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether there is an nginx to start. */
    nginx: boolean
    /** Path of the socket of a private Redis, or '' where there is none. */
    redis: string
    /** Folder of the socket of a private PostgreSQL, which is the `host` of clients, or ''. */
    postgres: string
    /** For `startPostgres`, or ''. */
    postgresTemplate: string
  }
}

/** Which real servers this machine can start. */
export function availableServers(): {
  readonly nginx: boolean
  readonly redis: boolean
  readonly postgres: boolean
} {
  return {
    nginx: spawnSync('nginx', ['-v']).status === 0,
    redis: spawnSync('redis-server', ['--version']).status === 0,
    postgres: findPostgres() !== undefined,
  }
}

/**
 * A Redis for the run, as `inject('redis')`. The whole of a `test/global-setup.ts`:
 * `export { provideRedis as default } from '@oauth-pop/testkit/servers'`. This entry point, because
 * Vitest does not resolve sources of core there.
 */
export async function provideRedis(project: TestProject): Promise<() => Promise<void>> {
  const server = availableServers().redis ? await startRedis() : skip('redis-server')
  project.provide('redis', server?.socket ?? '')
  return async () => server?.stop()
}

/** Whether `startNginx` works, as `inject('nginx')`; see `provideRedis`. */
export function provideNginx(project: TestProject): void {
  const { nginx } = availableServers()
  if (!nginx) skip('nginx-light')
  project.provide('nginx', nginx)
}

/** A PostgreSQL for the run, as `inject('postgres')`; see `provideRedis`. */
export async function providePostgres(project: TestProject): Promise<() => Promise<void>> {
  if (!availableServers().postgres) skip('postgresql')
  const made = availableServers().postgres ? await makePostgresTemplate() : undefined
  const server = made && (await startPostgres({ template: made.template }))
  project.provide('postgres', server?.host ?? '')
  project.provide('postgresTemplate', made?.template ?? '')
  return async () => {
    await Promise.all([server?.stop(), made?.remove()])
  }
}

/** Says loudly that tests are left out; where servers are required, fails. */
function skip(name: 'nginx-light' | 'redis-server' | 'postgresql'): undefined {
  const hint = `${name} is missing: apt-get install -y --no-install-recommends ${name}`
  if (process.env['REQUIRE_SERVERS'] === '1') throw new Error(hint)
  console.warn(`\n*** SKIPPING THE TESTS WITH A REAL SERVER: ${hint} ***\n`)
  return undefined
}
