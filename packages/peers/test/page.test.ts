import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { seen, type Peer, type Seen } from './seen.ts'

const path = new URL('../../../docs/peers.md', import.meta.url)
const page = readFileSync(path, 'utf8')
const peers = Object.entries(seen) as [Peer, Seen][]

const columns = ['off', 'offered', 'required', 'required, for a second'] as const
const heading = ['client', 'with', 'proofs', ...columns, '20 at once, required', 'stolen token']
const rows = peers.map(([name, { by, proofs, nonces, together, stolen }]) => [
  describeVersion(name),
  by,
  proofs,
  ...columns.map((mode) => nonces[mode]),
  `${together} get in`,
  stolen ?? '401 invalid_token',
])
const lines = [heading, heading.map(() => '---'), ...rows].map(
  (cells) => `| ${cells.join(' | ')} |`,
)

/** The package under its own name, and the one version that runs here. */
function describeVersion(name: Peer): string {
  const wanted = manifest.devDependencies[name]
  const [, alias = name, version = ''] = /^(?:npm:(.+)@)?([\d.]+)$/.exec(wanted) ?? []
  return version === '' ? `\`${name}\` of this version` : `\`${alias}\` ${version}`
}

/** The table of the page, without the spaces that line its columns up. */
const read = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.replaceAll(/ {2,}/g, ' ').replaceAll(/-{3,}/g, '---'))

test('the table of the page is what the clients are seen to do', () => {
  if (process.env['UPDATE_PEERS'] === '1')
    writeFileSync(
      path,
      page.replace(/^(\|.*\n)+/m, () => `${lines.join('\n')}\n`),
    )
  expect(read(readFileSync(path, 'utf8'))).toEqual(lines)
})

test('the page names the authorization server that runs', () => {
  expect(page).toContain(`oidc-provider\` ${manifest.devDependencies['oidc-provider']}`)
})

test('every client of the page is run', () => {
  const run = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => [
      ...readFileSync(new URL(name, import.meta.url), 'utf8').matchAll(/^describePeer\('(.+?)'/gm),
    ])
    .map(([, name]) => name)
  expect(new Set(run)).toEqual(new Set(peers.map(([name]) => name)))
})
