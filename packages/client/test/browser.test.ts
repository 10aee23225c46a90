import { existsSync } from 'node:fs'
import type * as client from '@oauth-pop/client'
import type { Transport } from '@oauth-pop/client'
import { dpop, popMiddleware, type TokenResolver } from '@oauth-pop/express'
import { listen, type AdapterServer } from '@oauth-pop/testkit'
import { build } from 'esbuild'
import express from 'express'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const hasBrowser = existsSync(executablePath)
if (!hasBrowser) {
  const missing = `No Chromium at ${executablePath}: install it, or set CHROMIUM_PATH`
  if (process.env['CI']) throw new Error(missing)
  console.warn(`${missing}. The client is not tested in a browser.`)
}

/** The token is the thumbprint that it is bound to. */
const tokens: TokenResolver = {
  resolve: async (kid) => ({ claims: {}, confirmation: { kid }, scopes: [], audience: [] }),
}

const dpopTokens: TokenResolver = {
  resolve: async (jkt) => ({ claims: {}, confirmation: { jkt }, scopes: [], audience: [] }),
}

/** Serves a page, the client as a script, and an API that asks for nonces. */
async function startServer(): Promise<AdapterServer> {
  const { outputFiles } = await build({
    entryPoints: [new URL('../src/index.ts', import.meta.url).pathname],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'popClient',
  })
  const app = express()
  app.set('env', 'test')
  app.get(
    '/page',
    (_request, response) => void response.type('html').send('<script src="client.js"></script>'),
  )
  app.get('/client.js', (_request, response) => {
    response.type('text/javascript').send(outputFiles[0]?.text)
  })
  app.use(
    '/dpop',
    popMiddleware({ publicUrl: 'request', tokens: dpopTokens, schemes: [dpop()], nonce: {} }),
  )
  app.use(/^(?!\/dpop)/, popMiddleware({ publicUrl: 'request', tokens, nonce: {} }))
  app.use(express.text({ type: () => true }))
  app.use(({ method, body, headers: { referer }, accessToken }, response) => {
    const form = new URLSearchParams(typeof body === 'string' ? body : '')
    form.delete('pop_access_token')
    response.json({ method, form: form.toString(), referer, coverage: accessToken.coverage })
  })
  return listen(app)
}

interface Question {
  readonly transport: Transport
  readonly cover: { readonly query: true; readonly body?: true }
  readonly init: typeof form & { readonly referrerPolicy?: 'no-referrer' }
  /** Hands a `Request` to the fetch, instead of URL and options. */
  readonly asRequest: boolean
}

/** Runs in the page: makes a key, signs, sends, and tells what came back. */
async function ask({ transport, cover, init, asRequest }: Question): Promise<unknown> {
  const { popClient } = globalThis as unknown as { popClient: typeof client }
  const key = await popClient.generateKeyPair({ algorithm: 'ES256' })
  const popFetch = popClient.createPopFetch({ accessToken: key.thumbprint, key, transport, cover })
  const url = '/items?a=1'
  const response = await (asRequest ? popFetch(new Request(url, init)) : popFetch(url, init))
  return response.status === 200 ? response.json() : response.status
}

/** Runs in the page: what comes back, by the kinds of bodies that a page sends. */
async function askWithDpop(): Promise<unknown> {
  const { popClient } = globalThis as unknown as { popClient: typeof client }
  const key = await popClient.generateKeyPair({ algorithm: 'ES256' })
  const dpopFetch = popClient.createDpopFetch({ accessToken: key.thumbprint, key })
  const init = { method: 'POST', body: 'b=2', headers: { 'content-type': 'text/plain' } }
  const first = await Promise.all(Array.from({ length: 20 }, () => dpopFetch('/dpop?a=1')))
  const second = await dpopFetch('/dpop/x', init)
  const third = await dpopFetch(new Request('/dpop/y', init))
  const formOf = async (response: Response): Promise<unknown> =>
    ((await response.json()) as { form: unknown }).form
  const bodies = [await formOf(second), await formOf(third)]
  return [new Set(first.map(({ status }) => status)).size, first[0]?.status, ...bodies]
}

const form = {
  method: 'POST',
  body: 'b=2',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
}

describe.skipIf(!hasBrowser)('in Chromium', { timeout: 60_000 }, () => {
  let server: AdapterServer
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    server = await startServer()
    // CI runs as root, for whom Chromium has no sandbox.
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
    page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${server.port}/page`)
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  describe.each<Transport>(['header', 'form', 'query'])('%s', (transport) => {
    const cover: Question['cover'] =
      transport === 'form' ? { query: true } : { query: true, body: true }

    test.each([false, true])(
      'signs, also once more with a nonce (a Request: %s)',
      async (asRequest) => {
        const answer = await page.evaluate(ask, { transport, cover, init: form, asRequest })
        expect(answer).toMatchObject({
          method: 'POST',
          form: 'b=2',
          coverage: { query: ['a'], queryComplete: true, body: transport !== 'form' },
        })
      },
    )

    test('says nothing of a referrer that the Request hides', async () => {
      const init = { ...form, referrerPolicy: 'no-referrer' } as const
      const hidden = await page.evaluate(ask, { transport, cover, init, asRequest: true })
      expect(hidden).not.toHaveProperty('referer')
      const shown = await page.evaluate(ask, { transport, cover, init: form, asRequest: true })
      expect(shown).toHaveProperty('referer')
    })
  })

  test('createDpopFetch signs, also once more with a nonce', async () => {
    expect(await page.evaluate(askWithDpop)).toEqual([1, 200, 'b=2', 'b=2'])
  })
})
