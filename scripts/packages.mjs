import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** Every package that is published, with its folder and manifest. */
export const published = readdirSync(join(root, 'packages'))
  .map((name) => join(root, 'packages', name))
  .map((folder) => ({
    folder,
    manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')),
  }))
  .filter(({ manifest }) => manifest.private !== true)

export function run(command, args, options = {}) {
  return execFileSync(command, args, { stdio: 'inherit', ...options })
}

/** Packs every published package; the tarballs by package name. */
export function packAll() {
  const target = mkdtempSync(join(tmpdir(), 'oauth-pop-pack-'))
  const tarballs = new Map()
  for (const { folder, manifest } of published) {
    run('pnpm', ['pack', '--pack-destination', target], { cwd: folder, stdio: 'ignore' })
    const file = readdirSync(target).find((name) =>
      name.includes(manifest.name.replace('@', '').replace('/', '-')),
    )
    tarballs.set(manifest.name, join(target, file))
  }
  return tarballs
}
