import {
  bearer,
  createVerifier,
  dpop,
  pop,
  PopError,
  popErrorCodes,
  type HttpRequest,
  type TokenResolver,
  type VerifierOptions,
} from '@oauth-pop/core'
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { compareQuery } from '../../src/binding/query.ts'
import { readCredential } from '../../src/credential.ts'
import { readCompactJws } from '../../src/jws/compact.ts'
import { parseStrictObject } from '../../src/jws/strict-json.ts'

/**
 * Something to fuzz. `run` throws when an invariant is broken and knows nothing of the engine that
 * drives it: the mutator beside this file, Jazzer.js or libFuzzer.
 */
interface FuzzTarget {
  readonly run: (bytes: Uint8Array) => void | Promise<void>
  readonly corpus: readonly Uint8Array[]
}

// A fixed key and Ed25519, whose signatures do not vary: an input of one run fails in the next too.
const pkcs8 = Buffer.from(`302e020100300506032b657004220420${'07'.repeat(32)}`, 'hex')
const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
const { crv, kty, x } = createPublicKey(privateKey).export({ format: 'jwk' })
const jwk = { crv, kty, x }

const now = 1_790_000_000
const accessToken = 'token'
const hashOf = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('base64url')
const octets = (text: string): Buffer => Buffer.from(text, 'latin1')
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const encode = (text: string): string => octets(text).toString('base64url')

/** Signs any two texts: whether they are JSON is the fuzzer's business. */
function signTexts(header: string, payload: string): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`
}

/** `METHOD target`, header lines, an empty line, the body. A line without colon is half a header. */
function toRequest(text: string): HttpRequest {
  const [head = '', ...rest] = text.split('\n\n')
  const [start = '', ...lines] = head.split('\n')
  const [method = '', ...target] = start.split(' ')
  const rawHeaders = lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return colon === -1 ? [line] : [line.slice(0, colon), line.slice(colon + 1)]
  })
  const body = async (): Promise<Buffer> => octets(rest.join('\n\n'))
  return { method, target: target.join(' '), rawHeaders, body }
}

/** Ends an attempt that was refused; a crash goes on. */
function refusal(error: unknown): PopError {
  if (error instanceof PopError) return error
  throw error
}

function accepts(attempt: () => unknown): boolean {
  try {
    attempt()
    return true
  } catch (error) {
    refusal(error)
    return false
  }
}

/** The objects of a strict gate, found in another way than its own: by the names, not by counting. */
function parseReference(bytes: Uint8Array): unknown {
  let text: string
  let value: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject && hasPlainNames(text) ? value : undefined
}

/** Whether valid JSON has no name twice in an object, none that is `__proto__`, and 16 levels at most. */
function hasPlainNames(text: string): boolean {
  const open: Set<string>[] = []
  let last = ''
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === '{' || token === '[') open.push(new Set())
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const name = JSON.parse(last) as string
      if (name === '__proto__' || open.at(-1)?.has(name) === true) return false
      open.at(-1)?.add(name)
    } else last = token
    if (open.length > 16) return false
  }
  return true
}

function strictJson(bytes: Uint8Array): void {
  deepEqual(parseStrictObject(Buffer.from(bytes)), parseReference(bytes))
}

/** One line is a credential as it is; several are the texts of its segments. */
function strictJws(bytes: Uint8Array): void {
  const lines = textOf(bytes).split('\n')
  const text = lines.length === 1 ? textOf(bytes) : lines.map(encode).join('.')
  const segments = text.split('.')
  const decoded = segments.map((segment) => Buffer.from(segment, 'base64url'))
  const objects = decoded.slice(0, 2).map(parseReference)
  const spelled = decoded.every(
    (part, index) => part.length > 0 && part.toString('base64url') === segments[index],
  )
  const expected = segments.length === 3 && spelled && !objects.includes(undefined)
  equal(
    accepts(() => {
      const { header, payload, signingInput, signature } = readCompactJws(
        text,
        'ERR_POP_PROOF_MALFORMED',
      )
      equal(`${signingInput}.${signature.toString('base64url')}`, text)
      deepEqual([header, payload], objects)
    }),
    expected,
  )
}

const schemes = [pop(), dpop(), bearer()]
const parameter = 'pop_access_token'

/** What a form parser of somebody else's finds; it would strip a question mark in front. */
function countParameter(query: string): number {
  return new URLSearchParams(`&${query}`).getAll(parameter).length
}

async function credentialExtraction(bytes: Uint8Array): Promise<void> {
  const request = toRequest(textOf(bytes))
  const { method, target, rawHeaders } = request
  const values = rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization',
  )
  const known = values.filter((value) => /^[ \t]*(d?pop|bearer)([ \t]|$)/i.test(value))
  const query = target.includes('?') ? target.slice(target.indexOf('?') + 1) : ''
  const elsewhere = known.length + countParameter(query)
  const found = await readCredential(request, schemes).catch(refusal)
  if (found === undefined) return equal(elsewhere, 0)
  if (found instanceof PopError || 'error' in found) return
  match(found.value, /^[\w.~+/-]{1,16384}=*$/)
  ok(found.value.length <= 16_384 && values.length <= 1)
  equal(elsewhere, found.transport === 'form' ? 0 : 1)
  if (found.transport === 'form') return ok(method !== 'GET' && method !== 'HEAD')
  if (found.transport === 'query') return ok(countParameter(query) === 1)
  equal(known[0]?.replace(/^[ \t]*\S+ +/, '').replace(/[ \t]+$/, ''), found.value)
}

/** The first line is signed, the second arrives. */
function queryHashing(bytes: Uint8Array): void {
  const [signed = '', arriving = ''] = textOf(bytes).split('\n')
  const segmentsOf = (query: string): string[] =>
    query.split('&').filter((raw) => raw !== '' && countParameter(raw) === 0)
  const segments = segmentsOf(signed)
  const names = segments.map((raw) => raw.split('=', 1)[0] ?? '')
  const value = hashOf(segments.join('&'))
  const rules = { form: 'auto', uncovered: 'reject' } as const
  const agrees = (query: string): boolean =>
    accepts(() => compareQuery({ names, value }, query, parameter, rules))
  const coverable =
    segments.every((raw) => raw.includes('=')) && new Set(names).size === names.length
  equal(agrees(signed), coverable)
  const same = segmentsOf(arriving).toSorted().join('&') === segments.toSorted().join('&')
  equal(agrees(arriving), coverable && same)
}

const challenge = /^(PoP|DPoP|Bearer) [a-z_]+="[^"\\,\p{Cc}]+"(, [a-z_]+="[^"\\,\p{Cc}]+")*$/u

/** What a client may see of a refusal: headers that no value can break, and a constant sentence. */
function checkRefusal({ headers, message }: PopError): void {
  for (const [name, value] of Object.entries(headers)) {
    for (const line of [value].flat()) {
      if (name === 'www-authenticate') match(line, challenge)
      else match(line, /^[\w -]+$/)
    }
  }
  match(message, /^[A-Za-z0-9 .-]+$/)
}

const tokens: TokenResolver = {
  async resolve(token) {
    if (token !== accessToken) return undefined
    const confirmation = { jwk, jkt: hashOf(JSON.stringify(jwk)) }
    return { claims: {}, confirmation, scopes: [], audience: [] }
  },
}
const base: VerifierOptions = {
  publicUrl: 'https://api.example.com',
  tokens,
  now: () => now * 1000,
  replay: { claim: async () => true },
}

/** Code, scheme, realm and scope, line by line; the evidence is all of it. */
function challengeWriter(bytes: Uint8Array): void {
  const text = textOf(bytes)
  const [first = '', name = '', realm = '', scope = ''] = text.split('\n')
  const code = popErrorCodes[first.charCodeAt(0) % popErrorCodes.length] ?? 'ERR_POP_INTERNAL'
  const scheme = (['PoP', 'DPoP', 'Bearer', undefined] as const)[name.charCodeAt(0) % 4]
  const options = { ...base, schemes, nonce: {} }
  const realms = [undefined, realm].flatMap((own) => {
    try {
      return [createVerifier(own === undefined ? options : { ...options, realm: own })]
    } catch (error) {
      equal((error as { code?: unknown }).code, 'ERR_POP_OPTION_INVALID')
      return []
    }
  })
  const error = new PopError(code, { member: 'x', actual: text, expected: [text] })
  for (const verifier of realms) checkRefusal(verifier.refuse(error, scheme, { scope }))
}

const verifiers = [
  base,
  { ...base, schemes: [pop({ bearerScheme: true, path: 'msal' }), dpop(), bearer()], nonce: {} },
  { ...base, publicUrl: 'https://*.example.com', schemes: [pop({ uncoveredQuery: 'allow' })] },
].map(createVerifier)

/** Verifies with every verifier; gives the index of those that accept. */
async function verifyAll(request: HttpRequest): Promise<readonly number[]> {
  const accepted: number[] = []
  for (const [index, verifier] of verifiers.entries()) {
    const answer = await verifier.verify(request).catch(refusal)
    if (!(answer instanceof PopError)) accepted.push(index)
    else {
      checkRefusal(answer)
      ok(answer.code !== 'ERR_POP_INTERNAL', String(answer.cause))
    }
  }
  return accepted
}

const popHeader = '{"typ":"pop","alg":"EdDSA"}'
const popPayload = (claims: object): string =>
  JSON.stringify({
    at: accessToken,
    ts: now,
    m: 'POST',
    u: 'api.example.com',
    p: '/items',
    ...claims,
  })
const dpopHeader = JSON.stringify({ typ: 'dpop+jwt', alg: 'EdDSA', jwk })
const dpopPayload = JSON.stringify({
  jti: 'x',
  htm: 'POST',
  htu: 'https://api.example.com/items',
  iat: now,
  ath: hashOf(accessToken),
})
const rich = popPayload({
  q: [['a', 'b'], hashOf('a=1&b=2')],
  h: [['x-tenant'], hashOf('x-tenant: t')],
  b: hashOf('{}'),
  jti: 'x',
})
const start = 'POST /items?a=1&b=2\nHost: api.example.com\nX-Tenant: t\n'

/** Each: header, payload, and a request in which `$` stands for the proof. */
const samples = [
  [popHeader, popPayload({}), 'POST /items\nHost: api.example.com\nAuthorization: PoP $\n\n'],
  [popHeader, rich, `${start}Authorization: PoP $\n\n{}`],
  [popHeader, popPayload({}), 'POST /items?pop_access_token=$\nHost: api.example.com\n\n'],
  [popHeader, popPayload({}), 'POST /items?pop%5faccess_token=$\nHost: api.example.com\n\n'],
  [
    popHeader,
    popPayload({}),
    'POST /items\nHost: api.example.com\nContent-Type: application/x-www-form-urlencoded\n\na=1&pop_access_token=$',
  ],
  [dpopHeader, dpopPayload, `${start}Authorization: DPoP ${accessToken}\nDPoP: $\n\n`],
] as const
const proofs = samples.map(([header, payload]) => signTexts(header, payload))
const requests = samples.map(([, , text], index) => text.replace('$', proofs[index] ?? ''))

/** Nobody can sign here, so a request is accepted only with a proof of the corpus, letter by letter. */
async function wholeRequest(bytes: Uint8Array): Promise<void> {
  const text = textOf(bytes)
  const accepted = await verifyAll(toRequest(text))
  if (accepted.length === 0) return
  // In a query and in a form, any character may be percent-encoded.
  const decoded = text.replace(/%[0-9a-f]{2}/gi, (triplet) =>
    String.fromCharCode(Number.parseInt(triplet.slice(1), 16)),
  )
  ok(proofs.some((proof) => decoded.includes(proof)))
}

/** Header, payload, request, line by line: signed for real, so that the deep checks are reached. */
async function signedRequest(bytes: Uint8Array): Promise<void> {
  const [header = '', payload = '', ...rest] = textOf(bytes).split('\n')
  const request = toRequest(rest.join('\n').replaceAll('$', signTexts(header, payload)))
  const accepted = await verifyAll(request)
  if (accepted.length === 0) return
  const claims = parseReference(octets(payload)) as Record<string, unknown>
  const method = claims['htm'] ?? (claims['m'] as string).toUpperCase().trim()
  const time = (claims['iat'] ?? claims['ts']) as number
  equal(method, request.method)
  ok(time >= now - 300 && time <= now + 30)
  const where = (claims['htu'] ?? `https://${claims['u'] as string}`) as string
  match(new URL(where).hostname, /^[\w-]+\.example\.com$/)
  ok(claims['at'] === accessToken || claims['ath'] === hashOf(accessToken))
  const body = (await request.body?.()) ?? ''
  if (claims['at'] !== undefined) equal(claims['b'] ?? hashOf(body), hashOf(body))
}

const corpusOf = (...texts: readonly string[]): readonly Uint8Array[] => texts.map(octets)

export const fuzzTargets: Readonly<Record<string, FuzzTarget>> = {
  credentialExtraction: { run: credentialExtraction, corpus: corpusOf(...requests) },
  strictJws: {
    run: strictJws,
    corpus: corpusOf(
      ...proofs,
      ...samples.map((sample) => [...sample.slice(0, 2), 'x'].join('\n')),
    ),
  },
  strictJson: {
    run: strictJson,
    corpus: corpusOf(
      rich,
      dpopHeader,
      '{"a":":\\":\\\\","c":[{"a":1,"c":2},{"a":{"a":[]}}]}',
      '{}',
      '[1]',
    ),
  },
  queryHashing: {
    run: queryHashing,
    corpus: corpusOf('a=1&b=2\na=1&b=2', 'a=1\na=1&%61=2', 'a=&b==\nb==&a=', '=1\n=1', '\n'),
  },
  challengeWriter: {
    run: challengeWriter,
    corpus: corpusOf('A\nA\napi.example.com\nread write', 'q\nB\nx [::1]:~@\n"', '0\nC\n\n'),
  },
  wholeRequest: { run: wholeRequest, corpus: corpusOf(...requests) },
  signedRequest: {
    run: signedRequest,
    corpus: corpusOf(...samples.map((sample) => sample.join('\n'))),
  },
}

/** For the control: how many of the verifiers accept each request of the corpus. */
export async function acceptedRequests(): Promise<readonly number[]> {
  const answers = await Promise.all(requests.map((text) => verifyAll(toRequest(text))))
  return answers.map((accepted) => accepted.length)
}
