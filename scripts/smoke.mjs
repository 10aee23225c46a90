// Installs the packed tarballs into an empty project per framework, beside that framework only, and
// uses them as its users would: from CommonJS, in strict TypeScript, and in a server that is visited.
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll, root, run } from './packages.mjs'

/** What each project has beside our packages. */
const frameworks = {
  express: { express: '^5.0.0', '@types/express': '^5.0.0' },
  fastify: { fastify: '^5.0.0' },
  koa: { koa: '^3.0.0', '@types/koa': '^3.0.0', '@koa/router': '^15.0.0' },
  nestjs: {
    '@nestjs/common': '^12.0.0',
    '@nestjs/core': '^12.0.0',
    '@nestjs/platform-express': '^12.0.0',
    'reflect-metadata': '^0.2.0',
    rxjs: '^7.0.0',
  },
}
const ours = ['core', 'client', 'issuer']
/** What the examples of these packages take from their reader. */
const givenToExamples = {
  client: 'declare function requestToken(form: { req_cnf: string }): Promise<string>',
  issuer: `
    import type { JWK } from '@oauth-pop/issuer'
    declare const signingKey: JWK
    declare const secrets: { app: string; api: string }
    declare function redeemCode(
      clientId: string,
      form: URLSearchParams,
    ): Promise<{ user: string; scope: string }>`,
}
const tarballs = packAll()
const tsc = join(root, 'node_modules/.bin/tsc')

for (const [name, dependencies] of Object.entries(frameworks)) {
  const folder = mkdtempSync(join(tmpdir(), `oauth-pop-${name}-`))
  cpSync(join(root, 'scripts/consumer', name), folder, { recursive: true })
  for (const shared of ['tsconfig.json', 'visit.mjs', 'vocabulary.mts']) {
    cpSync(join(root, 'scripts/consumer', shared), join(folder, shared))
  }
  for (const [readme, given] of Object.entries({ [name]: '', ...givenToExamples })) {
    writeFileSync(
      join(folder, `readme-${readme}.mts`),
      `${firstExample(readme)}\n${given}\nexport {}\n`,
    )
  }
  install(folder, name, dependencies)
  run('node', ['cjs.cjs'], { cwd: folder })
  run(tsc, ['-p', '.'], { cwd: folder })
  run('node', ['visit.mjs', 'dist/app.mjs'], { cwd: folder })
  // Some compilers write down the types of parameters; Nest must not depend on it, nor mind.
  run(tsc, ['-p', '.', '--emitDecoratorMetadata', '--outDir', 'metadata'], { cwd: folder })
  run('node', ['visit.mjs', 'metadata/app.mjs'], { cwd: folder })
  console.log(
    `smoke: ${name} works from CommonJS, in TypeScript and when visited; the READMEs compile`,
  )
}

/** The code under "Use" in the README of a package. */
function firstExample(name) {
  const readme = readFileSync(join(root, 'packages', name, 'README.md'), 'utf8')
  const [, code] = /## Use\n.*?```ts\n(.*?)```/s.exec(readme) ?? []
  if (code === undefined) throw new Error(`the README of ${name} has no example under "Use"`)
  return code
}

function install(folder, adapter, dependencies) {
  const files = [...ours, adapter].map((name) => [
    `@oauth-pop/${name}`,
    `file:${tarballs.get(`@oauth-pop/${name}`)}`,
  ])
  const manifest = {
    private: true,
    type: 'module',
    imports: { '#adapter': `@oauth-pop/${adapter}` },
    dependencies: { ...Object.fromEntries(files), ...dependencies, '@types/node': '^24.0.0' },
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const overrides = files.map(([name, file]) => `  '${name}': '${file}'\n`)
  writeFileSync(join(folder, 'pnpm-workspace.yaml'), `overrides:\n${overrides.join('')}`)
  const options = ['--prefer-offline', '--ignore-scripts', '--no-frozen-lockfile', '--silent']
  run('pnpm', ['install', ...options], { cwd: folder })
}
