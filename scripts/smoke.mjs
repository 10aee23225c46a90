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
const olderTools = {
  '@types/express': '^5.0.0',
  '@types/jest': '^30.0.0',
  express: '^5.0.0',
  jest: '^30.0.0',
  'ts-jest': '^29.0.0',
  typescript: '~5.9.0',
}
const moduleSettings = [
  ['commonjs', 'node10'],
  ['node20', 'node16'],
]
const ours = ['core', 'client', 'issuer']
const tarballs = packAll()
const tsc = join(root, 'node_modules/.bin/tsc')

for (const [name, dependencies] of Object.entries(frameworks)) {
  const folder = mkdtempSync(join(tmpdir(), `oauth-pop-${name}-`))
  cpSync(join(root, 'scripts/consumer', name), folder, { recursive: true })
  for (const shared of ['tsconfig.json', 'visit.mjs', 'vocabulary.mts']) {
    cpSync(join(root, 'scripts/consumer', shared), join(folder, shared))
  }
  install(folder, name, dependencies)
  run('node', ['cjs.cjs'], { cwd: folder })
  run(tsc, ['-p', '.'], { cwd: folder })
  run('node', ['visit.mjs', 'dist/app.mjs'], { cwd: folder })
  // Some compilers write down the types of parameters; Nest must not depend on it, nor mind.
  run(tsc, ['-p', '.', '--emitDecoratorMetadata', '--outDir', 'metadata'], { cwd: folder })
  run('node', ['visit.mjs', 'metadata/app.mjs'], { cwd: folder })
  console.log(`smoke: ${name} works from CommonJS, in TypeScript and when visited`)
}

smokeJest()

/** A CommonJS project of before ES modules: Jest, ts-jest, and `moduleResolution` of TypeScript 5. */
function smokeJest() {
  const folder = mkdtempSync(join(tmpdir(), 'oauth-pop-jest-'))
  cpSync(join(root, 'scripts/consumer/jest'), folder, { recursive: true })
  writeFileSync(join(folder, 'jest.config.js'), jestConfiguration())
  install(folder, 'express', olderTools, 'commonjs')
  const bin = (name) => join(folder, 'node_modules/.bin', name)
  for (const [module, moduleResolution] of moduleSettings) {
    const settings = ['--module', module, '--moduleResolution', moduleResolution]
    run(bin('tsc'), ['-p', '.', '--noEmit', ...settings], { cwd: folder })
  }
  run(bin('jest'), [], { cwd: folder })
  console.log('smoke: jest and ts-jest work in a CommonJS project; so do node10 and node16')
}

/** As the page shows it. */
function jestConfiguration() {
  const page = readFileSync(join(root, 'docs/deployment.md'), 'utf8')
  const [, code] = /^```js\n(\/\/ jest\.config\.js\n.*?)```/ms.exec(page) ?? []
  if (code === undefined) throw new Error('docs/deployment.md has no jest.config.js')
  return code
}

function install(folder, adapter, dependencies, type = 'module') {
  const files = [...ours, adapter].map((name) => [
    `@oauth-pop/${name}`,
    `file:${tarballs.get(`@oauth-pop/${name}`)}`,
  ])
  const manifest = {
    private: true,
    type,
    imports: { '#adapter': `@oauth-pop/${adapter}` },
    dependencies: { ...Object.fromEntries(files), ...dependencies, '@types/node': '^24.0.0' },
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const overrides = files.map(([name, file]) => `  '${name}': '${file}'\n`)
  writeFileSync(join(folder, 'pnpm-workspace.yaml'), `overrides:\n${overrides.join('')}`)
  const options = ['--prefer-offline', '--ignore-scripts', '--no-frozen-lockfile', '--silent']
  run('pnpm', ['install', ...options], { cwd: folder })
}
