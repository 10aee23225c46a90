import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { RequirementsReporter } from './conformance/requirements-reporter.ts'
import { requirements } from './conformance/requirements.ts'

const top = import.meta.dirname

// "@oauth-pop/source" resolves workspace packages to src/, so no build is needed; the rest is Vite's server default.
const conditions = ['@oauth-pop/source', 'module', 'node', 'development|production']

const grouped = ['packages', 'examples']
  .filter((group) => existsSync(join(top, group)))
  .flatMap((group) => readdirSync(join(top, group)).map((name) => `${group}/${name}`))

const projects = [...grouped, 'conformance', 'bench']
  .filter((name) => existsSync(join(top, name, 'test')))
  .map((name) => {
    const root = join(top, name)
    const setup = join(root, 'test/global-setup.ts')
    return {
      extends: true as const,
      root,
      test: {
        name,
        include: ['test/**/*.test.ts'],
        globalSetup: existsSync(setup) ? [setup] : [],
      },
    }
  })

// Tests cite requirements as their tags; an id that does not exist is an error.
const tags = Object.entries(requirements).map(([name, { behaviour }]) => ({
  name: name as keyof typeof requirements,
  description: behaviour,
}))

export default defineConfig({
  // Named here because Vitest's module cache on disk does not notice changes of a tsconfig.
  oxc: { decorator: { legacy: true } },
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects,
    tags,
    // Many tests wait: for a deadline, a second, another process.
    maxWorkers: availableParallelism() + 1,
    reporters: ['default', new RequirementsReporter()],
    coverage: { include: ['packages/*/src/**'] },
  },
})
