import type { TestProject } from 'vitest/node'
import { provideNginx, providePostgres, provideRedis } from '../src/real-servers.ts'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  provideNginx(project)
  const stops = [await provideRedis(project), await providePostgres(project)]
  return async () => {
    await Promise.all(stops.map((stop) => stop()))
  }
}
