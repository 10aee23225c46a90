import { bearer, dpop, pop, type HttpRequest } from '@oauth-pop/core'
import { apiUrl, outcomeOf } from '@oauth-pop/testkit'
import { describe, expect, test, vi } from 'vitest'
import { compareHeaders } from '../../src/binding/headers.ts'
import { matchesHost } from '../../src/binding/host.ts'
import { normaliseMethod } from '../../src/binding/method.ts'
import { matchesPath } from '../../src/binding/path.ts'
import { compareQuery, uncoveredQuery } from '../../src/binding/query.ts'
import { matchesTargetUri } from '../../src/binding/target-uri.ts'
import { readCredential } from '../../src/credential.ts'
import { readCompactJws } from '../../src/jws/compact.ts'
import { parseStrictObject } from '../../src/jws/strict-json.ts'
import { readLocations, readTarget, type Location } from '../../src/location.ts'
import { checkHost } from '../../src/request.ts'

// Room for a busy machine: all of them together take some seconds.
vi.setConfig({ testTimeout: 60_000 })

describe('P7: no parser takes more than linear time', () => {
  const length = 2 ** 17
  const locations = readLocations(apiUrl) as readonly Location[]
  const schemes = [pop(), dpop(), bearer()]
  const get = (...rawHeaders: string[]): HttpRequest => ({ method: 'GET', target: '/', rawHeaders })
  const rules = { form: 'auto', uncovered: 'reject' } as const
  const formType = ['Content-Type', 'application/x-www-form-urlencoded']
  const [here] = locations as [Location]

  const parsers: Readonly<Record<string, (text: string) => unknown>> = {
    Authorization: (text) => readCredential(get('Authorization', `PoP ${text}`), schemes),
    'an Authorization scheme': (text) => readCredential(get('Authorization', text), schemes),
    'Content-Type': (text) =>
      readCredential({ ...get(...formType, 'Content-Type', text), method: 'POST' }, schemes),
    charset: (text) => {
      const lines = get('Content-Type', `${formType[1]};charset=${text}`)
      return readCredential({ ...lines, method: 'POST', parsedForm: {} }, schemes)
    },
    'the query': (text) => readCredential({ ...get(), target: `/?${text}` }, schemes),
    'a form': (text) => {
      const body = async (): Promise<Buffer> => Buffer.from(text)
      return readCredential({ ...get(...formType), method: 'POST', body }, schemes)
    },
    Host: (text) => checkHost(get('Host', text)),
    'an absolute target': (text) => readTarget(`http://${text}`, locations),
    'the target': (text) => readTarget(`/${text}`, locations),
    'a compact JWS': (text) => readCompactJws(text, 'ERR_POP_PROOF_MALFORMED'),
    'a JWS payload': (text) => {
      const segment = Buffer.from(text).toString('base64url')
      return readCompactJws(`e30.${segment}.AA`, 'ERR_POP_PROOF_MALFORMED')
    },
    'a JSON string': (text) => parseStrictObject(Buffer.from(JSON.stringify({ a: text, b: text }))),
    'JSON members': (text) => parseStrictObject(Buffer.from(`{"a":1${text}`)),
    'JSON nesting': (text) => parseStrictObject(Buffer.from(`{"a":${text}`)),
    'the signed query': (text) =>
      compareQuery({ names: ['a', 'b'], value: 'x' }, `a=1&b=${text}`, 'c', rules),
    'an unsigned query': (text) => uncoveredQuery(text, 'c'),
    'the query of MSAL.js': (text) => compareQuery({ names: [], value: text }, text, 'c', rules),
    'a signed header': (text) => compareHeaders({ names: ['a'], value: 'x' }, get('a', text)),
    'the name of a signed header': (text) =>
      compareHeaders({ names: [text], value: 'x' }, get(text, 'a')),
    htu: (text) => matchesTargetUri(`${apiUrl}/${text}`, { path: '/', query: '' }, locations),
    'the path beside htu': (text) =>
      matchesTargetUri(`${apiUrl}/`, { path: text, query: '' }, locations),
    'the authority of htu': (text) =>
      matchesTargetUri(`https://${text}`, { path: '/', query: '' }, locations),
    p: (text) => matchesPath(text, `${text}x`, 'msal'),
    u: (text) => matchesHost(text, here),
    m: (text) => normaliseMethod(text, true),
  }
  const fillers = [' ', '\t', ',', '"', '\\', '\\"', '=', '.', '..', '../', '/', '/.', ':', ';']
    .concat(['&', '&a', 'a=&', '%', '%7e', '%2', '+', '[', '{"a":', ',"a":1', '-', '1', 'a', 'A '])
    .concat(['pop_access_token&', 'pop_access_token[', 'charset=', '@', '#', '\u00e9', '0:'])

  // No time is compared, because that fails on a busy machine: 80 inputs of 128 KB are some tenths of
  // a second of linear work, while 10^10 steps, one quadratic pass over one of them, exceed the timeout.
  test.each(Object.entries(parsers))('%s', { timeout: 10_000 }, async (_, parse) => {
    for (const filler of fillers) {
      const text = filler.repeat(length / filler.length)
      for (const input of [text, `a${text}b`]) {
        const outcome = await outcomeOf((async () => parse(input))())
        expect(outcome).toMatch(/^accepted$|^ERR_POP_/)
      }
    }
  })
})
