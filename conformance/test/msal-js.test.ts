import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { pop, type PopMiddlewareOptions } from '@oauth-pop/express'
import {
  challengesOf,
  hashOf,
  sendRaw,
  type AdapterHarness,
  type AdapterServer,
  type RawRequest,
} from '@oauth-pop/testkit'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { hosts } from '../../packages/express/test/hosts.ts'
import { createClient, entraTokens, msalModules, type MsalClient } from './msal.ts'

const now = 1_790_000_000
const options: PopMiddlewareOptions = {
  publicUrl: ['https://api.example.com', 'http://localhost:9002'],
  tokens: entraTokens(),
  schemes: [pop({ path: 'msal' })],
}

let api: AdapterServer
let apiWithNonces: AdapterServer
let codes: string[] = []
const listen = (event: unknown): void => void codes.push((event as { code: string }).code)

beforeAll(async () => {
  // MSAL has no clock of its own that could be set.
  vi.useFakeTimers({ toFake: ['Date'], now: now * 1000 })
  const express = hosts['Express 5'] as AdapterHarness
  api = await express.start(options)
  apiWithNonces = await express.start({ ...options, nonce: {} })
  subscribe('oauth-pop:refused', listen)
})
afterAll(async () => {
  unsubscribe('oauth-pop:refused', listen)
  await Promise.all([api.close(), apiWithNonces.close()])
  vi.useRealTimers()
})

type Row = readonly [uri: string, sent: string, u: string, p: string, q: string]

/** The URI that MSAL.js is given, the target that a browser sends, and what MSAL.js signs. */
const rows: readonly Row[] = [
  ['https://api.example.com/foo?bar=1', '/foo?bar=1', 'api.example.com', '/foo', 'bar=1'],
  ['https://API.example.com/Foo/Bar', '/Foo/Bar', 'api.example.com', '/foo/bar/', ''],
  [
    'https://api.example.com:443/Foo?Bar=Baz%20Q&a=B/',
    '/Foo?Bar=Baz%20Q&a=B/',
    'api.example.com:443',
    '/foo',
    'bar=baz%20q&a=b',
  ],
  ['http://localhost:9002/resource', '/resource', 'localhost:9002', '/resource/', ''],
  ['https://api.example.com', '/', 'api.example.com', '/', ''],
  ['https://api.example.com/a?', '/a?', 'api.example.com', '/a/', ''],
  ['https://api.example.com/a?', '/a', 'api.example.com', '/a/', ''],
  ['https://api.example.com/Foo?X=Y#Frag', '/Foo?X=Y', 'api.example.com', '/Foo', 'X=Y'],
  ['https://api.example.com/f%C3%A9%2Fx', '/f%C3%A9%2Fx', 'api.example.com', '/f%c3%a9%2fx/', ''],
]

const body = Buffer.from('{"a":1}')
const target = '/Photos?size=big&page=2'
const photos = `https://api.example.com${target}`
const type = 'application/json'

const q = [['page', 'size'], hashOf('page=2&size=big')]
const h = [['content-type'], hashOf(`content-type: ${type}`)]
const b = hashOf(body)

const wrongClaims: Readonly<Record<string, readonly [claims: object, code: string]>> = {
  'a hash of another query': [{ q: [q[0], hashOf('page=3&size=big')] }, 'QUERY_MISMATCH'],
  'the text of another query': [{ q: [[], 'size=big&page=3'] }, 'QUERY_MISMATCH'],
  'a part of the query': [{ q: [['page'], hashOf('page=2')] }, 'QUERY_UNCOVERED'],
  'a hash of another header': [{ h: [h[0], hashOf('content-type: a/b')] }, 'HEADERS_MISMATCH'],
  'a header that is not there': [{ h: [['x'], hashOf('x: 1')] }, 'HEADERS_MISMATCH'],
  'a hash of another body': [{ b: hashOf('{"a":2}') }, 'BODY_MISMATCH'],
  'another host': [{ u: 'other.example.com' }, 'HOST_MISMATCH'],
  'another port': [{ u: 'api.example.com:8443' }, 'HOST_MISMATCH'],
  'another path': [{ p: '/albums' }, 'PATH_MISMATCH'],
  'another method': [{ m: 'GET' }, 'METHOD_MISMATCH'],
  'a time in the future': [{ ts: now + 31 }, 'PROOF_NOT_YET_VALID'],
  'a time long ago': [{ ts: now - 301 }, 'PROOF_EXPIRED'],
  'a time as text': [{ ts: String(now) }, 'PROOF_MEMBER_INVALID'],
  'a nonce that is no text': [{ nonce: 1 }, 'PROOF_MEMBER_INVALID'],
  'no method': [{ m: undefined }, 'PROOF_MEMBER_MISSING'],
  'no host': [{ u: undefined }, 'PROOF_MEMBER_MISSING'],
  'no path': [{ p: undefined }, 'PROOF_MEMBER_MISSING'],
  'no time': [{ ts: undefined }, 'PROOF_MEMBER_MISSING'],
  'no access token': [{ at: undefined }, 'PROOF_MEMBER_MISSING'],
}

const otherRequests: Readonly<Record<string, readonly [Partial<RawRequest>, code: string]>> = {
  'another method': [{ method: 'PUT' }, 'METHOD_MISMATCH'],
  'another path': [{ target: target.replace('Photos', 'Albums') }, 'PATH_MISMATCH'],
  'another parameter': [{ target: target.replace('2', '3') }, 'QUERY_MISMATCH'],
  'one parameter more': [{ target: `${target}&all=1` }, 'QUERY_MISMATCH'],
  'no query': [{ target: '/Photos' }, 'QUERY_MISMATCH'],
}

describe.each(msalModules)('MSAL.js $version', (msal) => {
  let client: MsalClient
  let thief: MsalClient
  beforeAll(async () => {
    client = await createClient(msal, 'POST', photos)
    thief = await createClient(msal, 'POST', photos)
  })

  const post = (proof: string, change: Partial<RawRequest> = {}): Promise<Answer> =>
    send(api, proof, { method: 'POST', target, body, ...change })

  test.each(rows)(
    'a request for %s, sent as %s, is accepted',
    { tags: ['shr-query-msal', 'shr-path-msal', 'shr-kid-ignored'] },
    async (uri, sent, u, p, text) => {
      const { sign, thumbprint } = await createClient(msal, 'GET', uri)
      const proof = await sign()
      expect(locationIn(proof)).toEqual({ u, p, q: text === '' ? undefined : [[], text] })
      const answer = await send(api, proof, { target: sent })
      expect(answer).toMatchObject(acceptedWith({ query: text === '' ? [] : true }))
      expect(answer.token).toMatchObject({ subject: 'alice', keyThumbprint: thumbprint })
    },
  )

  test('a letter that the URI should escape is refused: MSAL signs it raw, %C3%A9 travels', async () => {
    const uri = 'https://api.example.com/f%C3%A9%2Fx/\u00e9'
    const proof = await (await createClient(msal, 'GET', uri)).sign()
    expect(locationIn(proof)).toEqual({ u: 'api.example.com', p: '/f%c3%a9%2fx/\u00e9/' })
    const answer = await send(api, proof, { target: '/f%C3%A9%2Fx/%C3%A9' })
    expect(answer).toMatchObject(refusedFor('PATH_MISMATCH'))
  })

  test.each([
    ['what MSAL signs by itself', {}, { query: true }],
    ['a hash of the query', { q }, { query: q[0] }],
    ['a hash of a header', { h }, { query: true, headers: h[0] }],
    ['a hash of the body', { b }, { query: true, body: true }],
    ['all hashes of the draft', { q, h, b }, { query: q[0], headers: h[0], body: true }],
  ])('a proof with %s is accepted', async (_, claims, covered) => {
    expect(await post(await client.sign(claims))).toMatchObject(acceptedWith(covered))
  })

  test.each(Object.entries(wrongClaims))('a proof with %s is refused', async (_, wrong) => {
    const [claims, code] = wrong
    expect(await post(await client.sign(claims))).toMatchObject(refusedFor(code))
  })

  test.each(Object.entries(otherRequests))(
    'a proof, sent with %s, is refused',
    async (_, other) => {
      const [change, code] = other
      expect(await post(await client.sign(), change)).toMatchObject(refusedFor(code))
    },
  )

  test('a stolen token is refused with the key of the thief', async () => {
    const proof = await thief.sign({ at: client.accessToken })
    expect(await post(proof)).toMatchObject(refusedFor('BINDING_OTHER_KEY'))
  })

  test('a proof is refused when it comes again', async () => {
    const proof = await client.sign()
    expect(await post(proof)).toMatchObject(acceptedWith({ query: true }))
    expect(await post(proof)).toMatchObject(refusedFor('PROOF_REPLAYED'))
  })

  describe('where the server gives nonces', () => {
    const ask = (proof: string): Promise<Answer> =>
      send(apiWithNonces, proof, { method: 'POST', target, body })

    test("MSAL's own nonce is refused, and the one of the refusal is accepted", async () => {
      const refusal = await ask(await client.sign())
      expect(refusal).toMatchObject(refusedFor('NONCE_INVALID'))
      expect(refusal.challenges).toEqual([expect.stringMatching(/^PoP nonce="/)])
      const headers = { 'WWW-Authenticate': String(refusal.challenges) }
      const nonce = new msal.AuthenticationHeaderParser(headers).getShrNonce()
      const { sign } = await createClient(msal, 'POST', photos, nonce)
      expect(await ask(await sign())).toMatchObject(acceptedWith({ query: true }))
    })

    test.each([
      ['no nonce', undefined, 'NONCE_MISSING'],
      ['a nonce that only looks like one of ours', 'A'.repeat(32), 'NONCE_INVALID'],
    ])('a proof with %s is refused', async (_, nonce, code) => {
      expect(await ask(await client.sign({ nonce }))).toMatchObject(refusedFor(code))
    })
  })
})

function locationIn(proof: string): object {
  const payload = Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString()
  const { u, p, q: query } = JSON.parse(payload) as Record<'u' | 'p' | 'q', unknown>
  return { u, p, q: query }
}

interface Answer {
  readonly status: number
  /** Why the request was refused, as reported on the diagnostics channel. */
  readonly codes: readonly string[]
  /** How often the handler ran. */
  readonly handled: number
  readonly token: unknown
  readonly challenges: readonly string[]
}

async function send(
  { port, handled }: AdapterServer,
  proof: string,
  request: Partial<RawRequest>,
): Promise<Answer> {
  const host = ['Host', `127.0.0.1:${port}`] as const
  const headers = [host, ['Content-Type', type], ['Authorization', `PoP ${proof}`]] as const
  const before = handled()
  codes = []
  const response = await sendRaw(port, { method: 'GET', target: '/', headers, ...request })
  const { status } = response
  const token: unknown = status === 200 ? JSON.parse(response.body) : undefined
  const challenges = challengesOf(response)
  return { status, codes, handled: handled() - before, token, challenges }
}

function acceptedWith(covered: object): object {
  const always = { method: true, host: true, path: true, queryComplete: true }
  const coverage = { ...always, headers: [], body: false, ...covered }
  return { status: 200, codes: [], handled: 1, token: { scheme: 'PoP', coverage } }
}

function refusedFor(code: string): object {
  return { status: 401, codes: [`ERR_POP_${code}`], handled: 0 }
}
