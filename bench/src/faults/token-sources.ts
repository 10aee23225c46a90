import { setTimeout as sleep } from 'node:timers/promises'
import { startFaultServer, type Fault, type FaultServer } from '@oauth-pop/testkit'
import { toMessage } from '../load.ts'
import { claimsOf, createIssuer, createPool, randomToken, type Pool } from '../proofs.ts'
import { startApi, type Api } from './api.ts'
import { countOf, createClient, longestOf, tally, type Answer } from './client.ts'
import type { Context } from './scenario.ts'
import { createSigner, repeated } from './signing.ts'

const rate = 100

async function openFaultServer({ defer }: Context): Promise<FaultServer> {
  const server = await startFaultServer()
  defer(() => server.close())
  return server
}

/** Proofs of one client with an opaque token, and the answer of the authorization server for it. */
function createOpaque(count: number): {
  readonly messages: readonly string[]
  readonly pool: Pool
} {
  const pool = createPool('ES256', count, { aheadSeconds: 2, createToken: randomToken })
  return { pool, messages: pool.requests.map(toMessage) }
}

const introspectionFaults: readonly Fault[] = [
  'late',
  'status 500',
  'status 429',
  'hang',
  'reset',
  'drip',
  'huge',
]
/** Two seconds for an answer, and what was under way before. */
const longestWaitMs = 2500

/** F5: the seconds are for each fault. */
export async function introspection(context: Context): Promise<void> {
  const server = await openFaultServer(context)
  const tokens = { introspection: `${server.url}/introspect`, cacheSeconds: 30 }
  const store = { kind: 'memory' } as const
  for (const fault of introspectionFaults) {
    const api = await startApi({ tokens, store })
    const client = createClient([api.port], 20)
    const known = createOpaque(20 * context.amount + 40)
    const strange = createOpaque(rate * context.amount + 20)
    server.answer({ active: true, token_type: 'PoP', ...claimsOf(known.pool) })
    const good = known.messages.values()
    const first = await client.send(take(good, 20))
    const asked = server.asked.length
    server.answer(fault)
    server.mostAtOnce = 0
    const [remembered, refused] = await Promise.all([
      client.sendAtRate(good, 20, context.amount),
      client.sendAtRate(strange.messages, rate, context.amount),
    ])
    const { mostAtOnce } = server
    context.check(
      `${fault}: all 503, within ${longestWaitMs} ms`,
      `${tally(refused)}, ${longestOf(refused).toFixed(0)} ms`,
      countOf(refused, 503) === refused.length && longestOf(refused) <= longestWaitMs,
    )
    context.check(`${fault}: at most 16 questions at once`, String(mostAtOnce), mostAtOnce <= 16)
    context.check(
      `${fault}: remembered tokens are accepted`,
      tally([...first, ...remembered]),
      countOf([...first, ...remembered], 200) === first.length + remembered.length,
    )
    server.answer({ active: true, token_type: 'PoP', ...claimsOf(strange.pool) })
    const began = performance.now()
    const back = await firstAccepted(client.send, strange.messages, began)
    context.check(
      `${fault}: accepted again within 5 s`,
      back === undefined ? 'not at all' : `${back.toFixed(0)} ms`,
      back !== undefined && back < 5000,
    )
    context.note(`${fault}: questions asked`, String(server.asked.length - asked))
    client.close()
    await api.kill()
  }
}

function take(messages: Iterator<string>, count: number): readonly string[] {
  return Array.from({ length: count }, () => messages.next().value as string)
}

/** How long until one of the refused is accepted: what was refused has used nothing up. */
async function firstAccepted(
  send: (messages: readonly string[]) => Promise<readonly Answer[]>,
  messages: readonly string[],
  began: number,
): Promise<number | undefined> {
  for (const message of messages.slice(-20).toReversed()) {
    const [answer] = await send([message])
    if (answer?.status === 200) return performance.now() - began
    await sleep(250)
  }
  return undefined
}

const foreverSeconds = 3500
const refreshSeconds = 601

/** F6: ages of keys are measured with a clock that the scenario sets forward. */
export async function keySets(context: Context): Promise<void> {
  await downAtBoot(context)
  await downAtRefresh(context)
  await rotated(context)
  for (const fault of ['huge', 'html', 'empty'] as const) await oddAnswer(context, fault)
}

interface Issuer {
  readonly server: FaultServer
  readonly api: Api
  readonly send: (messages: readonly string[]) => Promise<readonly Answer[]>
}

async function startWithKeys(context: Context, server: FaultServer): Promise<Issuer> {
  const api = await startApi({
    tokens: { jwks: `${server.url}/jwks`, cache: false },
    store: { kind: 'memory' },
  })
  context.defer(api.kill)
  const client = createClient([api.port], 20)
  context.defer(client.close)
  return { server, api, send: client.send }
}

async function downAtBoot(context: Context): Promise<void> {
  const server = await openFaultServer(context)
  server.answer('reset')
  const { send } = await startWithKeys(context, server)
  const signer = createSigner()
  const answers: Answer[] = []
  const began = performance.now()
  while (performance.now() - began < 1000 * context.amount) {
    answers.push(...(await send(signer.sign(20))))
    await sleep(100)
  }
  const fetches = server.asked.length / context.amount
  context.check('down at boot: all 503', tally(answers), countOf(answers, 503) === answers.length)
  context.check('down at boot: at most one fetch per second', fetches.toFixed(2), fetches <= 1)
}

async function downAtRefresh(context: Context): Promise<void> {
  const server = await openFaultServer(context)
  const signer = createSigner()
  server.answer({ ...signer.jwks })
  const { api, send } = await startWithKeys(context, server)
  const before = await send(signer.sign(20))
  server.answer('status 500')
  await api.tell({ do: 'warp', seconds: refreshSeconds })
  const during = [...(await send(signer.sign(100)))]
  await api.tell({ do: 'warp', seconds: foreverSeconds })
  during.push(...(await send(signer.sign(100))))
  context.check(
    'down at refresh: accepted for an hour more',
    tally([...before, ...during]),
    countOf([...before, ...during], 200) === 220,
  )
  await api.tell({ do: 'warp', seconds: refreshSeconds })
  const after = await send(signer.sign(20))
  context.check('down for longer: all 503', tally(after), countOf(after, 503) === 20)
}

async function rotated(context: Context): Promise<void> {
  const server = await openFaultServer(context)
  const [old, next] = [createSigner(), createSigner()]
  const rename = ({ jwks }: typeof old, kid: string): readonly object[] =>
    jwks.keys.map((key) => ({ ...key, kid }))
  // Tokens of both name the same key; the set says which it is.
  server.answer({ keys: rename(old, 'bench') })
  const { api, send } = await startWithKeys(context, server)
  const first = await send(old.sign(20))
  server.answer({ keys: rename(next, 'bench') })
  const early = await send(old.sign(20))
  context.check(
    'rotation: the old key until the refresh',
    tally([...first, ...early]),
    countOf([...first, ...early], 200) === 40,
  )
  await api.tell({ do: 'warp', seconds: refreshSeconds })
  const fresh = await send(next.sign(20))
  context.check('rotation: the new key after it', tally(fresh), countOf(fresh, 200) === 20)
  const removed = await send(old.sign(20))
  context.check('a removed key is refused after it', tally(removed), countOf(removed, 401) === 20)
}

async function oddAnswer(context: Context, fault: 'huge' | 'html' | 'empty'): Promise<void> {
  const server = await openFaultServer(context)
  const signer = createSigner()
  server.answer({ ...signer.jwks })
  const { api, send } = await startWithKeys(context, server)
  // Renewed before, too, so that what is new is the odd answer alone.
  for (let turn = 0; turn < 4; turn += 1) {
    await api.tell({ do: 'warp', seconds: refreshSeconds })
    await send(signer.sign(300))
  }
  const { rss: before } = await api.report(true)
  server.answer(fault)
  await api.tell({ do: 'warp', seconds: refreshSeconds })
  const answers = await send(signer.sign(100))
  const { rss: after } = await api.report(true)
  const grown = (after - before) / 1e6
  context.check(
    `${fault} instead of keys: the last good ones serve`,
    tally(answers),
    countOf(answers, 200) === answers.length,
  )
  if (fault === 'huge') {
    context.check(
      '300 MB: resident set grows by less than 5 MB',
      `${grown.toFixed(1)} MB`,
      grown < 5,
    )
  }
}

const unknownRate = 1000

/** F7: tokens that name keys which nobody has. */
export async function unknownKeys(context: Context): Promise<void> {
  const server = await openFaultServer(context)
  const signer = createSigner()
  server.answer({ ...signer.jwks })
  const { api, send } = await startWithKeys(context, server)
  const before = await send(signer.sign(20))
  context.check('accepted before', tally(before), countOf(before, 200) === 20)
  const stranger = createIssuer('ES256')
  const messages = Array.from({ length: 500 }, (_, index) => {
    const createToken = stranger.createToken
    const pool = createPool('ES256', 1, {
      createToken: (jwk) => rename(createToken(jwk), `strange ${index}`),
    })
    return pool.requests.map(toMessage)
  }).flat()
  const asked = server.asked.length
  const client = createClient([api.port], 20)
  const answers = await client.sendAtRate(repeated(messages), unknownRate, context.amount)
  client.close()
  const fetches = server.asked.length - asked
  const most = 2 * Math.ceil(context.amount / 30)
  context.check('at most 2 fetches in 30 s', `${fetches} in ${context.amount} s`, fetches <= most)
  context.check('all 401', tally(answers), countOf(answers, 401) === answers.length)
  const after = await send(signer.sign(20))
  context.check('accepted afterwards', tally(after), countOf(after, 200) === 20)
}

/** The same token with another `kid`; its signature fits no longer, but nobody can know that. */
function rename(token: string, kid: string): string {
  const [header = '', ...rest] = token.split('.')
  const named = { ...(JSON.parse(Buffer.from(header, 'base64url').toString()) as object), kid }
  return [Buffer.from(JSON.stringify(named)).toString('base64url'), ...rest].join('.')
}
