// Installs the packed tarballs into an empty project and uses them from ESM, CommonJS and TypeScript.
import { cpSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll, root, run } from './packages.mjs'

const folder = mkdtempSync(join(tmpdir(), 'oauth-pop-consumer-'))
cpSync(join(root, 'scripts/consumer'), folder, { recursive: true })

const tarballs = Object.fromEntries([...packAll()].map(([name, file]) => [name, `file:${file}`]))
const dependencies = {
  ...tarballs,
  express: '^5.0.0',
  '@types/express': '^5.0.0',
  '@types/node': '^24.0.0',
}
writeFileSync(
  join(folder, 'package.json'),
  JSON.stringify({ private: true, type: 'module', dependencies }),
)
const overrides = Object.entries(tarballs).map(([name, file]) => `  '${name}': '${file}'`)
writeFileSync(join(folder, 'pnpm-workspace.yaml'), `overrides:\n${overrides.join('\n')}\n`)

const install = [
  'install',
  '--prefer-offline',
  '--ignore-scripts',
  '--no-frozen-lockfile',
  '--silent',
]
run('pnpm', install, { cwd: folder })
run('node', ['esm.mjs'], { cwd: folder })
run('node', ['cjs.cjs'], { cwd: folder })
run(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: folder })
console.log('smoke: ESM, CommonJS and TypeScript consumers work')
