import { memoryReplayStore, pop, type Jwk, type ResolvedToken } from '@oauth-pop/express'
import {
  apiUrl,
  createClock,
  popPayload,
  sendRaw,
  type AdapterHarness,
  type RawRequest,
} from '@oauth-pop/testkit'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { allAlgorithms } from '../../packages/core/src/jws/algorithms.ts'
import { hosts as express } from '../../packages/express/test/hosts.ts'
import { hosts as fastify } from '../../packages/fastify/test/hosts.ts'
import { hosts as koa } from '../../packages/koa/test/hosts.ts'
import { hosts as nest } from '../../packages/nestjs/test/hosts.ts'
import { forge, forgeForWeakKeys, signRich, type Bound } from './forgeries.ts'
import { complementOf, createSigner, signerNames, type Signer } from './signers.ts'
import {
  findMissing,
  formatReport,
  judgeJwkFile,
  judgeJwsFile,
  judgeRawFile,
  judgeSecrets,
  jwkBaseline,
  jwkFile,
  jwsBaseline,
  jwsFile,
  lostPadding,
  rawFiles,
  readJwsFile,
  report,
  secretBaseline,
  type Baseline,
  type Judged,
} from './wycheproof.ts'

const transports = ['header', 'form', 'query'] as const
type Transport = (typeof transports)[number]

const hosts: Readonly<Record<string, AdapterHarness | undefined>> = {
  'Express 5': express['Express 5'],
  ...fastify,
  'Koa 3': koa['Koa 3'],
  ...nest,
}

afterAll(() => console.log(formatReport()))

const { missing, excused } = findMissing()
if (missing.length === 0) describeVectors()
else describeAbsence()

function describeAbsence(): void {
  test('the files of Wycheproof are beside the checkout', ({ skip }) => {
    const warning = `not tested: ../shared/vectors/wycheproof lacks ${missing.join(', ')}`
    console.warn(`WARNING: ${warning}`)
    if (excused) skip(warning)
    expect(missing).toEqual([])
  })
}

function describeVectors(): void {
  test.each(Object.entries(rawFiles))('%s', (file, { algorithm, ...baseline }) => {
    const judged = judgeRawFile(file, algorithm)
    expectBaseline(file, judged, baseline)
    expect(wronglyAccepted(judged)).toEqual([])
  })

  test('every JWS through gate, key hygiene and verification', () => {
    const judged = judgeJwsFile()
    expectBaseline(jwsFile, judged, jwsBaseline)
    expect(wronglyAccepted(judged)).toEqual(Object.keys(lostPadding).map(Number))
  })

  test('the invalid ones that are accepted are a valid one, byte for byte', () => {
    const vectors = new Map(readJwsFile().map((vector) => [vector.tcId, vector]))
    for (const [invalid, valid] of Object.entries(lostPadding)) {
      const { jws, jwk } = vectors.get(valid) ?? {}
      expect(vectors.get(valid)).toMatchObject({ result: 'valid' })
      expect(vectors.get(Number(invalid))).toMatchObject({ jws, jwk, result: 'invalid' })
    }
  })

  test('every key of a set as a public key', () => {
    const judged = judgeJwkFile()
    expectBaseline(jwkFile, judged, jwkBaseline)
    expect(wronglyAccepted(judged)).toEqual([])
  })

  test('every secret that stands alone', () => {
    const judged = judgeSecrets()
    expectBaseline(`${jwkFile}, secrets`, judged, secretBaseline)
    expect(wronglyAccepted(judged)).toEqual([])
  })

  describe.each(Object.keys(hosts))('%s', (host) => {
    test.each(transports)('refuses every JWS in the %s', { timeout: 60_000 }, async (transport) => {
      const signer = createSigner('ES256')
      const vectors = readJwsFile().map(({ tcId, ...vector }) => ({ name: tcId, ...vector }))
      const control = { transport, signer, jws: signValid(signer, transport) }
      expect(await sendAll(host, control, vectors)).toEqual(allRefused)
      report(`requests to ${host}`, vectors.length)
    })
  })
}

describe.each(signerNames)('forgeries of a request that was signed with %s', (name) => {
  const signer = createSigner(name)
  const thief = createSigner(name)

  test.each(transports)('are refused in the %s', { timeout: 60_000 }, async (transport) => {
    const jws = signValid(signer, transport)
    const forgeries = Object.entries(forge(signer, thief, jws))
      .map(([title, text]) => ({ name: title, jws: text, jwk: signer.jwk }))
      .filter((forgery) => transport !== 'header' || isOtherHeader(forgery.jws, jws))
    const control = { transport, signer, jws }
    expect(await sendAll('Express 5', control, forgeries)).toEqual(allRefused)
    report(`forgeries of ${name}`, forgeries.length)
  })
})

test('proofs that anybody can make, for tokens that are bound to weak keys, are refused', async () => {
  const signer = createSigner('RS256')
  const control = { transport: 'header', signer, jws: signValid(signer, 'header') } as const
  const forgeries = forgeForWeakKeys(signer, control.jws)
  expect(await sendAll('Express 5', control, forgeries)).toEqual(allRefused)
  report('proofs for weak keys', forgeries.length)
})

test.each(['ES256', 'ES384', 'ES512'] as const)(
  'the other valid signature of the same bytes is the same proof: %s',
  async (name) => {
    const signer = createSigner(name)
    const { send, traces } = await startApi('Express 5', () => signer.jwk)
    const [first, second] = [signValid(signer, 'header'), signValid(signer, 'header')]
    expect(await send('header', first)).toBe(200)
    expect(await send('header', complementOf(signer, first))).toBe(401)
    expect(await send('header', complementOf(signer, second))).toBe(200)
    expect(await send('header', second)).toBe(401)
    expect(traces()).toEqual({ handled: 2, claims: 4 })
  },
)

function expectBaseline(file: string, judged: readonly Judged[], baseline: Baseline): void {
  const differ = judged.filter(({ result, verdict }) =>
    verdict === 'accepted' ? result !== 'valid' : result !== 'invalid',
  )
  report(
    file,
    judged.length,
    differ.map(({ tcId }) => tcId),
  )
  const verdicts = Object.fromEntries(differ.map(({ tcId, verdict }) => [tcId, verdict]))
  expect({ vectors: judged.length, differ: verdicts }).toEqual(baseline)
}

function wronglyAccepted(judged: readonly Judged[]): readonly number[] {
  return judged
    .filter(({ result, verdict }) => verdict === 'accepted' && result !== 'valid')
    .map(({ tcId }) => tcId)
}

/** A credential that is accepted, and where it travels. */
interface Control {
  readonly transport: Transport
  readonly signer: Signer
  readonly jws: string
}

interface Outcome {
  /** What got another status than 400 and 401. */
  readonly others: readonly unknown[]
  readonly traces: Traces
  /** The status of the control, on the same server and afterwards. */
  readonly control: number
}

const allRefused: Outcome = { others: [], traces: { handled: 0, claims: 0 }, control: 200 }

async function sendAll(
  host: string,
  { transport, signer, jws }: Control,
  credentials: readonly Bound[],
): Promise<Outcome> {
  let bound = signer.jwk
  const { send, traces } = await startApi(host, () => bound)
  const others: unknown[] = []
  for (const credential of credentials) {
    bound = credential.jwk
    const status = await send(transport, credential.jws)
    if (status !== 400 && status !== 401) others.push([credential.name, status])
  }
  bound = signer.jwk
  return { others, traces: traces(), control: await send(transport, jws) }
}

interface Traces {
  /** How often the handler ran. */
  readonly handled: number
  /** How often the replay store was asked. */
  readonly claims: number
}

interface Api {
  readonly send: (transport: Transport, jws: string) => Promise<number>
  readonly traces: () => Traces
}

const clock = createClock()
const closing: (() => Promise<void>)[] = []
afterEach(() => Promise.all(closing.splice(0).map((close) => close())))

/** Any token is good here, and bound to the key of the moment. */
async function startApi(host: string, boundKey: () => Jwk): Promise<Api> {
  let claims = 0
  const store = memoryReplayStore({ now: clock.now })
  const server = await hosts[host]?.start({
    publicUrl: apiUrl,
    now: clock.now,
    tokens: { resolve: async () => tokenBoundTo(boundKey()) },
    schemes: [pop({ algorithms: allAlgorithms, resolveKey: async () => boundKey() })],
    replay: {
      claim(entry) {
        claims += 1
        return store.claim(entry)
      },
    },
  })
  if (server === undefined) throw new Error(`there is no host ${host}`)
  const { port, handled, close } = server
  closing.push(close)
  return {
    send: async (transport, jws) => (await sendRaw(port, requestWith[transport](jws))).status,
    traces: () => ({ handled: handled(), claims }),
  }
}

/** A secret is no key that a token could name in the open. */
function tokenBoundTo(jwk: Jwk): ResolvedToken {
  const token = { claims: {}, scopes: [], audience: [apiUrl] }
  return jwk['kty'] === 'oct' ? token : { ...token, confirmation: { jwk } }
}

const host = ['Host', new URL(apiUrl).host] as const
const formType = ['Content-Type', 'application/x-www-form-urlencoded'] as const
const parameter = (jws: string): string => `pop_access_token=${encodeURIComponent(jws)}`

const requestWith: Readonly<Record<Transport, (jws: string) => RawRequest>> = {
  header: (jws) => ({
    method: 'GET',
    target: '/items',
    headers: [host, ['Authorization', `PoP ${jws}`]],
  }),
  form: (jws) => ({
    method: 'POST',
    target: '/items',
    headers: [host, formType],
    body: Buffer.from(parameter(jws)),
  }),
  query: (jws) => ({ method: 'GET', target: `/items?${parameter(jws)}`, headers: [host] }),
}

function signValid(signer: Signer, transport: Transport): string {
  const { method } = requestWith[transport]('')
  const holder = { ...signer, accessToken: 'token' }
  return signRich(signer, popPayload(holder, clock.seconds(), { m: method }))
}

/** White space around a header's value does not belong to it, and control characters end it. */
function isOtherHeader(text: string, jws: string): boolean {
  return /^[\t -~]*$/.test(text) && text.trim() !== jws
}
