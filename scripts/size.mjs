// Bundled and minified size of each published package, without and with its dependencies.
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { published } from './packages.mjs'

/** Kilobytes, gzipped. A new package needs a line here. */
const limits = {
  '@oauth-pop/core': 35,
  '@oauth-pop/express': 2,
  '@oauth-pop/fastify': 1,
  '@oauth-pop/koa': 1,
  '@oauth-pop/nestjs': 3,
  '@oauth-pop/client': 9,
  '@oauth-pop/issuer': 8,
  '@oauth-pop/redis': 3,
  '@oauth-pop/postgres': 3,
  '@oauth-pop/testing': 2,
}

/** The bundle as bytes; peers are never in it. */
async function bundle({ folder, manifest }, external) {
  const result = await build({
    entryPoints: [join(folder, 'src/index.ts')],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    conditions: ['@oauth-pop/source'],
    external: [...external, ...Object.keys(manifest.peerDependencies ?? {})],
  })
  return result.outputFiles[0].contents
}

function kilobytes(bytes) {
  return bytes.length / 1024
}

let failed = false
for (const project of published) {
  const { name, dependencies = {} } = project.manifest
  const own = await bundle(project, Object.keys(dependencies))
  const all = await bundle(project, [])
  const gzipped = kilobytes(gzipSync(own))
  const limit = limits[name]
  const fits = limit !== undefined && gzipped <= limit
  failed ||= !fits
  console.log(
    `${fits ? 'ok  ' : 'FAIL'} ${name}: ${gzipped.toFixed(1)} of ${limit} kB gzipped, ${kilobytes(own).toFixed(1)} kB minified; with its dependencies ${kilobytes(gzipSync(all)).toFixed(1)} kB gzipped, ${kilobytes(all).toFixed(1)} kB minified`,
  )
}
process.exitCode = failed ? 1 : 0
