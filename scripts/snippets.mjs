// Compiles every fenced `ts` block of the pages with `strict`, against the built packages as their
// `exports` show them, and runs each. A block may take names from the prelude of its page, a file in
// `scripts/snippets`; `<!-- snippet: name -->` above a block names another one.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { published, root } from './packages.mjs'

const preludes = readdirSync(join(root, 'scripts/snippets')).map((file) => file.replace('.mts', ''))
const readmes = published.map(({ folder }) => join('packages', folder.split('/').at(-1)))
const pages = [
  'README.md',
  'SECURITY.md',
  ...readmes.map((folder) => join(folder, 'README.md')),
  ...readdirSync(join(root, 'docs')).map((name) => join('docs', name)),
]
const settings = {
  compilerOptions: {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    skipLibCheck: true,
    experimentalDecorators: true,
    types: ['node'],
    rootDir: '.',
    outDir: 'out',
  },
  include: ['**/*.mts'],
}

const top = mkdtempSync(join(tmpdir(), 'oauth-pop-snippets-'))
linkModules()
const blocks = pages.flatMap(readBlocks)
let failed = false
for (const prelude of preludes) await check(prelude)
if (failed) process.exit(1)
console.log(`snippets: ${blocks.length} blocks of ${pages.length} pages compile and run`)

function readBlocks(page) {
  const text = readFileSync(join(root, page), 'utf8')
  const home = preludes.find((name) => page.startsWith(`packages/${name}/`))
  const found = text.matchAll(/(?:^<!-- snippet: (\w+) -->\n\n?)?^```ts\n(.*?)^```/gms)
  return Array.from(found, (match) => {
    const [whole, prelude = home ?? 'express', code] = match
    const before = text.slice(0, match.index + whole.indexOf(code))
    return { page, prelude, code, line: before.split('\n').length }
  })
}

async function check(prelude) {
  const folder = join(top, prelude)
  const own = blocks.filter((block) => block.prelude === prelude)
  mkdirSync(folder)
  copyFileSync(join(root, 'scripts/snippets', `${prelude}.mts`), join(folder, 'prelude.mts'))
  writeFileSync(join(folder, 'globals.mts'), await exportsAsGlobals(join(folder, 'prelude.mts')))
  const files = own.map(({ page, line, code }) => {
    const file = join(page, `L${line}.mts`)
    mkdirSync(join(folder, page), { recursive: true })
    // Empty lines above, so that the compiler counts as the page does.
    writeFileSync(join(folder, file), `${'\n'.repeat(line - 1)}${code}\nexport {}\n`)
    return file
  })
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings))
  const compiled = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (compiled.status !== 0) {
    failed = true
    console.error(compiled.stdout.replaceAll(/\/L\d+\.mts\((\d+),\d+\)/g, ':$1'))
  }
  writeFileSync(join(folder, 'run.mjs'), runAll(files))
  const { status } = spawnSync(process.execPath, ['run.mjs'], { cwd: folder, stdio: 'inherit' })
  if (status !== 0) failed = true
}

/** What the prelude exports, as names that no block needs to import. */
async function exportsAsGlobals(prelude) {
  const names = Object.keys(await import(pathToFileURL(prelude).href))
  const lines = names.map((name) => `  var ${name}: typeof given.${name}\n`)
  return `import * as given from './prelude.mjs'
declare global {\n${lines.join('')}}
Object.assign(globalThis, given)\n`
}

function runAll(files) {
  const imports = files.map((file) => file.replace(/\.mts$/, '.mjs'))
  return `import './out/globals.mjs'
for (const file of ${JSON.stringify(imports)}) {
  try {
    await import('./out/' + file)
  } catch (error) {
    console.error(file, error)
    process.exitCode = 1
  }
}
process.exit()\n`
}

/** Our packages, and beside them what they and their tests depend on. */
function linkModules() {
  const link = (target, name) => {
    const path = join(top, 'node_modules', name)
    if (existsSync(path)) return
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(target, path)
  }
  for (const { folder, manifest } of published) link(folder, manifest.name)
  const folders = [
    ...published.map(({ folder }) => folder),
    join(root, 'examples/ecosystem'),
    join(root, 'conformance'),
    root,
  ]
  for (const folder of folders) {
    const { dependencies, devDependencies } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    )
    for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
      link(join(folder, 'node_modules', name), name)
    }
  }
}
