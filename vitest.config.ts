import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

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

export default defineConfig({
  // Named here because Vitest's module cache on disk does not notice changes of a tsconfig.
  oxc: { decorator: { legacy: true } },
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { projects, coverage: { include: ['packages/*/src/**'] } },
})
