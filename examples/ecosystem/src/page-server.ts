import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import express from 'express'
import { startServer, type RunningServer } from './server.ts'

/** The servers that the page talks to. */
export interface PageConfiguration {
  readonly authorizationServer: string
  readonly api: string
}

const folder = fileURLToPath(new URL('../browser', import.meta.url))

/** Serves the page, whose script is bundled once, at the start. */
export async function startPageServer(
  configuration: PageConfiguration,
  port: number,
): Promise<RunningServer> {
  const script = await bundle()
  const policy = contentSecurityPolicy(configuration)
  return startServer(() => {
    const app = express()
    app.use((_request, response, next) => {
      response.set('content-security-policy', policy)
      next()
    })
    app.get('/', (_request, response) => response.sendFile('index.html', { root: folder }))
    app.get('/page.css', (_request, response) => response.sendFile('page.css', { root: folder }))
    app.get('/page.js', (_request, response) => response.type('text/javascript').send(script))
    app.get('/configuration.json', (_request, response) => response.json(configuration))
    return app
  }, port)
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../browser/page.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    conditions: ['@oauth-pop/source'],
  })
  return outputFiles.map(({ text }) => text).join('')
}

/** Only our own script runs, and it talks to the two servers only. */
function contentSecurityPolicy({ authorizationServer, api }: PageConfiguration): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    'img-src data:',
    `connect-src 'self' ${authorizationServer} ${api}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}
