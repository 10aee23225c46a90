// Bundled and minified size of each published package, without its dependencies from outside.
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { published } from './packages.mjs'

/** Kilobytes, gzipped. A new package needs a line here. */
const limits = {
  '@oauth-pop/core': 24,
  '@oauth-pop/express': 2,
  '@oauth-pop/fastify': 1,
  '@oauth-pop/koa': 1,
  '@oauth-pop/nestjs': 3,
  '@oauth-pop/client': 5,
  '@oauth-pop/issuer': 4,
}

let failed = false
for (const { folder, manifest } of published) {
  const result = await build({
    entryPoints: [join(folder, 'src/index.ts')],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    external: Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }),
  })
  const [{ contents }] = result.outputFiles
  const kilobytes = gzipSync(contents).length / 1024
  const limit = limits[manifest.name]
  const fits = limit !== undefined && kilobytes <= limit
  failed ||= !fits
  console.log(
    `${fits ? 'ok  ' : 'FAIL'} ${manifest.name}: ${kilobytes.toFixed(1)} of ${limit} kB gzipped, ${(contents.length / 1024).toFixed(1)} kB minified`,
  )
}
process.exitCode = failed ? 1 : 0
