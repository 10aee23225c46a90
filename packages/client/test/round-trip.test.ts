import { signPopRequest, type Coverage } from '@oauth-pop/client'
import { createVerifier, memoryReplayStore, pop, PopError, type HttpRequest } from '@oauth-pop/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { key, tokens } from './bound-key.ts'

const schemes = [pop({ path: 'exact' })]
// The client signs in the second in which the verifier is made.
const replay = memoryReplayStore({ restartGuard: 'off' })
const verifier = createVerifier({ publicUrl: 'https://api.example.com', tokens, schemes, replay })

/** A request, before it is signed. */
interface Sample {
  readonly method: string
  readonly url: URL
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array<ArrayBuffer>
}

const token = fc.stringMatching(/^[a-z0-9!#$&'*+.^_|~-]{1,12}$/)
const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))
/** Octets of a field value that has something at both ends. */
const fieldValue = fc.stringMatching(/^[!-~\u0080-\u00ff]([\t -~\u0080-\u00ff]{0,20}[!-~])?$/)

const url = fc
  .record({
    path: fc.array(text, { maxLength: 4 }),
    query: fc.uniqueArray(fc.tuple(text, text), { maxLength: 4, selector: ([name]) => name }),
    escaped: fc.boolean(),
  })
  .map(({ path, query, escaped }) => {
    const spelt = escaped ? (part: string) => encodeURIComponent(part.toWellFormed()) : String
    const made = new URL('https://api.example.com')
    made.pathname = path.map(spelt).join('/')
    made.search = new URLSearchParams(query as [string, string][]).toString()
    return made
  })

const sample: fc.Arbitrary<Sample> = fc.record({
  method: fc.oneof(
    fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    fc.stringMatching(/^[A-Z][A-Z-]{0,11}$/),
  ),
  url,
  headers: fc.uniqueArray(
    fc.tuple(
      token.filter((name) => name !== 'authorization' && name !== 'host'),
      fieldValue,
    ),
    { maxLength: 4, selector: ([name]) => name },
  ),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    text.map((body) => new TextEncoder().encode(body)),
  ),
})

const everything = (headers: Sample['headers']): Coverage => ({
  query: true,
  body: true,
  ...(headers.length > 0 && { headers: headers.map(([name]) => name) }),
})

function sign({ method, url: target, headers, body }: Sample): Promise<string> {
  const cover = everything(headers)
  return signPopRequest({ method, url: target, headers, body, cover, accessToken: 'token', key })
}

/** What `verify` makes of a request that arrives with this credential. */
async function outcomeOf(
  { method, url: { pathname, search }, headers, body }: Sample,
  credential: string,
): Promise<string> {
  const request: HttpRequest = {
    method,
    target: pathname + search,
    rawHeaders: [
      'Host',
      'api.example.com',
      'Authorization',
      `PoP ${credential}`,
      ...headers.flat(),
    ],
    body: async () => body,
  }
  return verifier.verify(request).then(
    ({ accessToken }) => (accessToken.coverage.queryComplete ? 'accepted' : 'query left out'),
    (error: unknown) => (error instanceof PopError ? error.code : `crashed: ${String(error)}`),
  )
}

test('whatever is signed is accepted', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(sample, async (signed) => {
      expect(await outcomeOf(signed, await sign(signed))).toBe('accepted')
    }),
    { numRuns: 1000 },
  )
})

type Change = (sample: Sample, at: number) => Sample | undefined

function insert(where: string, at: number, what: string): string {
  const index = at % (where.length + 1)
  return where.slice(0, index) + what + where.slice(index)
}

function withUrl(signed: Sample, change: (url: URL) => void): Sample {
  const changed = new URL(signed.url)
  change(changed)
  return { ...signed, url: changed }
}

/** Each changes one covered part, or finds nothing to change. */
const changes: Readonly<Record<string, readonly [Change, code: string]>> = {
  'the method': [(signed) => ({ ...signed, method: `${signed.method}X` }), 'METHOD_MISMATCH'],
  'the path': [
    (signed, at) =>
      withUrl(
        signed,
        (changed) => (changed.pathname = `/${insert(changed.pathname.slice(1), at, 'x')}`),
      ),
    'PATH_MISMATCH',
  ],
  'a parameter': [
    (signed, at) =>
      signed.url.search === ''
        ? undefined
        : withUrl(signed, (changed) => (changed.search = insert(changed.search.slice(1), at, 'x'))),
    'QUERY_MISMATCH',
  ],
  'the number of parameters': [
    (signed) =>
      withUrl(signed, (changed) => {
        changed.search += `${changed.search === '' ? '?' : '&'}zzzzzzzzzzzzz=1`
      }),
    'QUERY_UNCOVERED',
  ],
  'the query to none': [
    (signed) =>
      signed.url.search === '' ? undefined : withUrl(signed, (changed) => (changed.search = '')),
    'QUERY_MISMATCH',
  ],
  'a header': [
    ({ headers, ...signed }, at) => {
      const changed = headers.map(([name, value], index): readonly [string, string] =>
        index === at % headers.length ? [name, `${value}x`] : [name, value],
      )
      return headers.length === 0 ? undefined : { ...signed, headers: changed }
    },
    'HEADERS_MISMATCH',
  ],
  'a header to none': [
    ({ headers, ...signed }) =>
      headers.length === 0 ? undefined : { ...signed, headers: headers.slice(1) },
    'HEADERS_MISMATCH',
  ],
  'a header to two': [
    ({ headers: [first, ...others], ...signed }) =>
      first === undefined ? undefined : { ...signed, headers: [first, ...others, first] },
    'HEADERS_MISMATCH',
  ],
  'the length of the body': [
    (signed) => ({ ...signed, body: Uint8Array.from([...signed.body, 0]) }),
    'BODY_MISMATCH',
  ],
  'a bit of the body': [
    ({ body, ...signed }, at) => {
      const flipped = Uint8Array.from(body)
      flipped[at % body.length] = (flipped[at % body.length] ?? 0) ^ (1 << (at % 8))
      return body.length === 0 ? undefined : { ...signed, body: flipped }
    },
    'BODY_MISMATCH',
  ],
}

test.each(Object.entries(changes))(
  'whoever changes %s is refused',
  { timeout: 60_000 },
  async (_, [change, code]) => {
    await fc.assert(
      fc.asyncProperty(sample, fc.nat(), async (signed, at) => {
        const changed = change(signed, at)
        fc.pre(changed !== undefined)
        const outcome = await outcomeOf(changed as Sample, await sign(signed))
        expect(outcome).toMatch(/^ERR_POP_/)
        expect(outcome).toBe(`ERR_POP_${code}`)
      }),
      { numRuns: 200 },
    )
  },
)
