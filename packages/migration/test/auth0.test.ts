import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { RequestListener } from 'node:http'
import * as ours from '@oauth-pop/express'
import { sendRaw, type RawRequest, type RawResponse } from '@oauth-pop/testkit'
import express from 'express'
import * as theirs from 'express-oauth2-jwt-bearer'
import { beforeAll, describe, expect, test } from 'vitest'
import { createRequests } from './auth0-requests.ts'
import { blockBelow, placeOf, readPage, runBlock, tableOf, withTable } from './blocks.ts'
import { describeAnswer, serve, startIssuer } from './world.ts'

const name = 'migrate-from-auth0.md'
const page = readPage(name)
const columns = [
  'request',
  'theirs, both taken',
  'here, both taken',
  'theirs, DPoP only',
  'here, DPoP only',
]
const modules = {
  express: { default: express },
  'express-oauth2-jwt-bearer': theirs,
  '@oauth-pop/express': ours,
}

/** Serves the code below a heading, with the issuer of this test and some of its text replaced. */
async function start(
  heading: '## Before' | '## After',
  issuer: string,
  replaced: readonly (readonly [string, string])[] = [],
): Promise<number> {
  let code = blockBelow(page, heading).replaceAll('https://tenant.eu.auth0.com', issuer)
  for (const [from, to] of replaced) {
    expect(code).toContain(from)
    code = code.replace(from, to)
  }
  return serve((await runBlock(code, modules, 'app')) as RequestListener)
}

let issuer: string
let ports: readonly number[]
let requests: Readonly<Record<string, readonly RawRequest[]>>
beforeAll(async () => {
  issuer = await startIssuer()
  ports = [
    await start('## Before', issuer),
    await start('## After', issuer),
    await start('## Before', issuer, [['required: false', 'required: true']]),
    await start('## After', issuer, [['[dpop(), bearer()]', '[dpop()]']]),
  ]
  requests = await createRequests(issuer)
})

async function ask(port: number, list: readonly RawRequest[]): Promise<RawResponse> {
  let answer: RawResponse | undefined
  for (const request of list) answer = await sendRaw(port, request)
  if (answer === undefined) throw new Error('nothing to send')
  return answer
}

async function askAll(list: readonly RawRequest[]): Promise<readonly RawResponse[]> {
  const answers: RawResponse[] = []
  for (const port of ports) answers.push(await ask(port, list))
  return answers
}

describe('the page about express-oauth2-jwt-bearer', () => {
  test('tells how both answer each request', async () => {
    const rows: string[][] = []
    for (const [request, list] of Object.entries(requests)) {
      const answers = await askAll(list)
      rows.push([request, ...answers.map(describeAnswer)])
      const refusals = [answers[1], answers[3]].filter((answer) => answer?.status !== 200)
      for (const answer of refusals) {
        expect(answer?.headers).toContainEqual(['cache-control', 'no-store'])
      }
    }
    if (process.env['UPDATE_PAGES'] === '1') {
      writeFileSync(placeOf(name), withTable(page, columns, rows))
      return
    }
    expect(tableOf(page, columns)).toEqual(rows)
  })

  test('prints the answers to a proof for another URL as they are', async () => {
    const list = requests['a proof for another URL'] ?? []
    const printed = [...page.matchAll(/^```http\n(.*?)^```/gms)].map(([, text]) => text?.trim())
    const seen: string[] = []
    for (const port of ports.slice(0, 2)) {
      const { status, headers } = await ask(port, list)
      const lines = headers
        .filter(([header]) => ['cache-control', 'www-authenticate'].includes(header))
        .map(([header, value]) => `${header}: ${value}`)
        .toSorted()
      const words = { 400: 'Bad Request', 401: 'Unauthorized' }[status]
      seen.push([`HTTP/1.1 ${status} ${words}`, ...lines].join('\n'))
    }
    expect(printed).toEqual(seen)
  })

  test('is right that `trust proxy` decides there, and does not here', async () => {
    const line = "app.set('trust proxy', 'loopback')\n"
    const before = await start('## Before', issuer, [[line, '']])
    const fresh = await createRequests(issuer)
    const list = fresh['a bound token with its proof'] ?? []
    expect((await ask(before, list)).status).toBe(400)
    expect((await ask(ports[0] ?? 0, list)).status).toBe(200)
    expect((await ask(ports[1] ?? 0, list)).status).toBe(200)
  })

  test('is right that a lost issuer is 401 there and 503 here', async () => {
    const gone = 'http://127.0.0.1:9'
    const [there, here] = [await start('## Before', gone), await start('## After', gone)]
    const list = (await createRequests(gone))['a bound token with its proof'] ?? []
    const [before, after] = [await ask(there, list), await ask(here, list)]
    expect(describeAnswer(before)).toBe('401 `Bearer`, `DPoP invalid_token`')
    expect(describeAnswer(after)).toBe('503')
    expect(after.headers.map(([header]) => header)).toContain('retry-after')
  })

  test('is right about credentials that need not be there', async () => {
    const dpop = 'dpop: { enabled: true, required: false },'
    const schemes = 'schemes: [dpop(), bearer()],'
    const [before, after] = [
      await start('## Before', issuer, [
        [dpop, 'authRequired: false'],
        ["requiredScopes('photos:read'), ", ''],
        ['req.auth.payload.sub', 'req.auth?.payload.sub'],
      ]),
      await start('## After', issuer, [
        [schemes, `${schemes} optional: true`],
        ["requireScopes('photos:read'), ", ''],
        ['req.accessToken.subject', 'req.accessToken?.subject'],
      ]),
    ]
    const fresh = await createRequests(issuer)
    const statuses = async (port: number): Promise<readonly number[]> => {
      const named = ['a bound token with its proof', 'no credential', 'a proof for another URL']
      const answers = named.map(async (one) => (await ask(port, fresh[one] ?? [])).status)
      return Promise.all(answers)
    }
    expect([await statuses(before), await statuses(after)]).toEqual([
      [200, 200, 200],
      [200, 200, 401],
    ])
  })

  test('names every option and every function of the package', () => {
    const main = createRequire(import.meta.url).resolve('express-oauth2-jwt-bearer')
    const types = readFileSync(main.replace(/js$/, 'd.ts'), 'utf8')
    const interfaces = ['JwtVerifierOptions', 'DPoPOptions', 'AuthOptions\\$1']
    const options = interfaces.flatMap((own) => {
      const [, body = ''] =
        new RegExp(`interface ${own}[^{]*\\{\\n(.*?)\\n\\}`, 's').exec(types) ?? []
      return Array.from(body.matchAll(/^ {4}(\w+)\?:/gm), ([, option = '']) => option)
    })
    const functions = Object.keys(theirs).filter(
      (own) => /^[a-z]\w+$/.test(own) && own !== 'default',
    )
    expect(options.length).toBeGreaterThan(20)
    expect(functions.length).toBeGreaterThan(5)
    const missing = [...options, ...functions].filter(
      (own) => !new RegExp(`\`[^\`|]*\\b${own}\\b[^\`|]*\``).test(page),
    )
    expect(missing).toEqual([])
  })
})
