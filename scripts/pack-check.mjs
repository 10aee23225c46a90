// Packs every published package and judges the tarballs: the files in them, publint, attw.
import { execFileSync } from 'node:child_process'
import { packAll, run } from './packages.mjs'

const allowed =
  /^package\/(?:(?:dist|src)\/.+\.(?:js|d\.ts|ts|map)|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/
const required = [
  'package/package.json',
  'package/README.md',
  'package/LICENSE',
  'package/dist/index.js',
  'package/src/index.ts',
]

for (const [name, tarball] of packAll()) {
  console.log(`--- ${name}`)
  const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
  const odd = files.filter((file) => !allowed.test(file))
  const missing = required.filter((file) => !files.includes(file))
  if (odd.length > 0 || missing.length > 0) {
    throw new Error(
      `${name}: unexpected ${odd.join(', ') || 'nothing'}; missing ${missing.join(', ') || 'nothing'}`,
    )
  }
  run('publint', ['run', tarball, '--strict'])
  run('attw', [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-color', '--quiet'])
}
