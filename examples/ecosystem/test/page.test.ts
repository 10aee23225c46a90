import { existsSync } from 'node:fs'
import { chromium, type Browser, type Page, type Request } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startEcosystem, type Ecosystem } from '../src/ecosystem.ts'

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const hasBrowser = existsSync(executablePath)
if (!hasBrowser) {
  const missing = `No Chromium at ${executablePath}: install it, or set CHROMIUM_PATH`
  if (process.env['CI']) throw new Error(missing)
  console.warn(`${missing}. The tests of the page are skipped.`)
}

const timeout = 60_000

describe.skipIf(!hasBrowser)('the page, in Chromium', { timeout }, () => {
  let ecosystem: Ecosystem
  let browser: Browser

  beforeAll(async () => {
    ecosystem = await startEcosystem()
    // CI runs as root, for whom Chromium has no sandbox.
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  }, timeout)

  afterAll(async () => {
    await browser?.close()
    await ecosystem?.close()
  })

  /** A browser of its own, with its own key. */
  async function open(): Promise<Page> {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(ecosystem.page.url)
    return page
  }

  async function openSignedIn(): Promise<Page> {
    const page = await open()
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Allow as alice' }).click()
    await page.locator('#read:enabled').waitFor()
    return page
  }

  test('reads and adds photos; the same token as Bearer gets a challenge', async () => {
    const page = await openSignedIn()
    expect(page.url()).toBe(`${ecosystem.page.url}/`)
    expect(await clickAndRead(page, 'Read photos')).toEqual({
      status: '200',
      answer: '{"owner":"alice","photos":["cat.jpg"]}',
    })
    expect(await clickAndRead(page, 'Add a photo')).toEqual({
      status: '201',
      answer: '{"owner":"alice","added":{"name":"dog.jpg"}}',
    })
    const stolen = await clickAndRead(page, 'Send the token as a thief would')
    expect(stolen.status).toBe('401')
    expect(stolen.answer).toMatch(/^PoP realm="127\.0\.0\.1"/)
  })

  test('keeps key and token over a reload', async () => {
    const page = await openSignedIn()
    const before = await describeKey(page)
    await page.reload()
    await page.locator('#read:enabled').waitFor()
    expect(await describeKey(page)).toEqual(before)
    expect((await clickAndRead(page, 'Read photos')).status).toBe('200')
  })

  test('cannot export the private key that it keeps', async () => {
    const page = await openSignedIn()
    expect((await describeKey(page)).privateKey).toBe('not extractable (InvalidAccessError)')
    for (const format of ['jwk', 'pkcs8']) {
      expect(await page.evaluate(exportKeptKey(format))).toBe('InvalidAccessError')
    }
  })

  test('sends requests that nobody can repeat', async () => {
    const page = await openSignedIn()
    const sent = page.waitForRequest((request) => request.method() === 'POST')
    expect((await clickAndRead(page, 'Add a photo')).status).toBe('201')
    const response = await replay(await sent)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('The proof has been used before')
  })

  test('has a token that is of no use in another browser', async () => {
    const token = await (await openSignedIn()).locator('#token').textContent()
    const other = await open()
    await other.evaluate(`sessionStorage.setItem('token', ${JSON.stringify(token)})`)
    await other.reload()
    const { status, answer } = await clickAndRead(other, 'Read photos')
    expect(status).toBe('401')
    expect(answer).toContain('The access token is bound to another key')
  })

  test('says so when signing in fails', async () => {
    const page = await open()
    await page.goto(`${ecosystem.page.url}/?code=forged&state=forged`)
    expect(await readLastAnswer(page)).toEqual({
      status: 'failed',
      answer: 'Error: this sign-in was not started here',
    })
  })
})

interface Answer {
  readonly status: string | null
  readonly answer: string | null
}

async function clickAndRead(page: Page, button: string): Promise<Answer> {
  const answers = page.locator('#answers li')
  const count = await answers.count()
  await page.getByRole('button', { name: button }).click()
  await answers.nth(count).waitFor()
  return readLastAnswer(page)
}

async function readLastAnswer(page: Page): Promise<Answer> {
  const last = page.locator('#answers li').last()
  return {
    status: await last.locator('.status').textContent(),
    answer: await last.locator('.answer').textContent(),
  }
}

async function describeKey(page: Page) {
  return {
    thumbprint: await page.locator('#thumbprint').textContent(),
    privateKey: await page.locator('#private-key').textContent(),
  }
}

/** What a script that got into the page could try; idb-keyval's own names. */
function exportKeptKey(format: string): string {
  return `new Promise((resolve, reject) => {
    const opening = indexedDB.open('keyval-store')
    opening.onerror = reject
    opening.onsuccess = () => {
      const reading = opening.result.transaction('keyval').objectStore('keyval').get('proof-key')
      reading.onerror = reject
      reading.onsuccess = () => crypto.subtle
        .exportKey('${format}', reading.result.privateKey)
        .then(() => resolve('exported'), (error) => resolve(error.name))
    }
  })`
}

async function replay(request: Request): Promise<Response> {
  const { authorization = '', 'content-type': type = '' } = await request.allHeaders()
  expect(authorization).toMatch(/^PoP /)
  return fetch(request.url(), {
    method: request.method(),
    headers: { authorization, 'content-type': type },
    body: request.postData(),
  })
}
