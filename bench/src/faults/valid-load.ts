import { quantiles } from '../interleave.ts'
import { startApi, type Api, type ApiSettings } from './api.ts'
import { attackCount, createAttacks } from './attacks.ts'
import { countOf, createClient, quantileOf, tally, type Answer } from './client.ts'
import type { Context } from './scenario.ts'
import { createSigner, repeated, type Signer } from './signing.ts'

type HostName = NonNullable<ApiSettings['host']>
const hosts = ['http', 'Fastify', 'Express'] as const
const connections = 20
const perBlock = 1000
const warmUp = 2

/** One block: the same requests to the route behind the verifier and to the plain one. */
interface Round {
  readonly guarded: Block
  readonly plain: Block
}
interface Block {
  readonly perSecond: number
  readonly p99: number
  readonly answers: readonly Answer[]
}

interface Load {
  readonly rounds: readonly Round[]
  readonly delayP99: number
  readonly lost: number
}

const fractions = {
  cached: { http: 0.25, Fastify: 0.25, Express: 0.45 },
  uncached: { http: 0.1, Fastify: 0.1, Express: 0.25 },
} as const
const floors = { http: 800, Fastify: 700, Express: 400 } as const

/** L1: the seconds are shared out among the hosts. */
export async function sustainedLoad(context: Context): Promise<void> {
  for (const host of hosts) {
    const { rounds, delayP99, lost } = await measure(context, host, true)
    const guarded = rounds.flatMap((round) => round.guarded.answers)
    const p99 = quantileOf(guarded, 0.99)
    checkRate(context, host, rounds, fractions.cached[host])
    checkAllAnswered(context, host, guarded)
    const rate = medianOf(rounds, (round) => round.guarded.perSecond)
    context.check(
      `${host}: at least ${floors[host]} requests per second`,
      rate.toFixed(0),
      rate >= floors[host],
    )
    if (!context.short) {
      const ratio = medianOf(rounds, (round) => round.guarded.p99 / round.plain.p99)
      context.check(`${host}: p99 at most 6 times plain`, ratio.toFixed(1), ratio <= 6)
    }
    context.check(`${host}: p99 under 150 ms`, `${p99.toFixed(1)} ms`, p99 < 150)
    context.check(
      `${host}: event-loop delay p99 under 50 ms`,
      `${delayP99.toFixed(1)} ms`,
      delayP99 < 50,
    )
    context.check(
      `${host}: requests handled = proofs sent`,
      `${guarded.length - lost} of ${guarded.length}`,
      lost === 0,
    )
  }
}

/** L2 */
export async function uncachedLoad(context: Context): Promise<void> {
  for (const host of hosts) {
    const { rounds } = await measure(context, host, false)
    checkRate(context, host, rounds, fractions.uncached[host])
    checkAllAnswered(
      context,
      host,
      rounds.flatMap((round) => round.guarded.answers),
    )
  }
}

function checkRate(
  { check, note, short }: Context,
  host: HostName,
  rounds: readonly Round[],
  least: number,
): void {
  const [low, ratio, high] = quantiles(
    rounds.map(({ guarded, plain }) => guarded.perSecond / plain.perSecond),
    [0.25, 0.5, 0.75],
  ) as [number, number, number]
  const figure = `${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
  if (short) note(`${host}: requests per second over plain`, figure)
  else check(`${host}: requests per second over plain at least ${least}`, figure, ratio >= least)
}

function checkAllAnswered({ check }: Context, host: HostName, answers: readonly Answer[]): void {
  check(`${host}: nothing but 200`, tally(answers), countOf(answers, 200) === answers.length)
}

function medianOf(rounds: readonly Round[], of: (round: Round) => number): number {
  return quantiles(rounds.map(of), [0.5])[0] as number
}

/** Signs a block, then sends it to both by turns, until the guarded route has been under load long enough. */
async function measure(context: Context, host: HostName, cached: boolean): Promise<Load> {
  const signer = createSigner()
  const api = await startMemoryApi(context, { host, signer, cached })
  const loads = { guarded: createClient([api.port], connections), plain: plainClient(api) }
  const rounds: Round[] = []
  let [spent, lost, delayP99] = [0, 0, 0]
  const secondsEach = context.amount / hosts.length
  for (let number = 0; spent < secondsEach; number += 1) {
    const messages = signer.sign(perBlock)
    const blocks: Partial<Record<keyof typeof loads, Block>> = {}
    for (const name of number % 2 === 0 ? order : order.toReversed()) {
      await api.report()
      blocks[name] = await sendBlock(loads[name], messages)
      if (name === 'plain' || number < warmUp) continue
      const report = await api.report()
      delayP99 = Math.max(delayP99, report.delayP99)
      lost += perBlock - report.handled
    }
    if (number < warmUp) continue
    rounds.push(blocks as Round)
    spent += perBlock / (blocks.guarded?.perSecond ?? Number.NaN)
  }
  for (const load of Object.values(loads)) load.close()
  return { rounds, delayP99, lost }
}

const order = ['guarded', 'plain'] as const

function plainClient({ plainPort }: Api): ReturnType<typeof createClient> {
  return createClient([plainPort], connections)
}

async function sendBlock(
  client: ReturnType<typeof createClient>,
  messages: readonly string[],
): Promise<Block> {
  const start = performance.now()
  const answers = await client.send(messages)
  const perSecond = (messages.length * 1000) / (performance.now() - start)
  return { perSecond, p99: quantileOf(answers, 0.99), answers }
}

interface Setup {
  readonly host: HostName
  readonly signer: Signer
  readonly cached: boolean
}

async function startMemoryApi(
  { defer }: Context,
  { host, signer: { jwks }, cached }: Setup,
): Promise<Api> {
  const tokens = { jwks, ...(!cached && { cache: false as const }) }
  const api = await startApi({ host, tokens, store: { kind: 'memory' } })
  defer(api.kill)
  return api
}

const partsOfCapacity = 0.25
const secondsPerPhase = 5

/** L3: valid requests at one rate, by turns alone and with as many attacks beside them. */
export async function mixedLoad(context: Context): Promise<void> {
  const signer = createSigner()
  const api = await startMemoryApi(context, { host: 'Express', signer, cached: true })
  const client = createClient([api.port], connections)
  const attacker = createClient([api.port], connections)
  await client.send(signer.sign(perBlock))
  const { perSecond: capacity } = await sendBlock(client, signer.sign(3 * perBlock))
  const rate = Math.floor(capacity * partsOfCapacity)
  context.say(`${attackCount} attacks; ${rate} valid requests per second, and as many attacks`)
  const attacks = createAttacks(signer)
  const alone: Answer[] = []
  const beside: Answer[] = []
  const attacked: Answer[] = []
  let handled = 0
  for (let spent = 0; spent < context.amount; spent += 2 * secondsPerPhase) {
    const pool = signer.sign(2 * rate * secondsPerPhase).values()
    alone.push(...(await client.sendAtRate(pool, rate, secondsPerPhase)))
    await api.report()
    const [valid, refused] = await Promise.all([
      client.sendAtRate(pool, rate, secondsPerPhase),
      attacker.sendAtRate(repeated(attacks), rate, secondsPerPhase),
    ])
    handled += (await api.report()).handled
    beside.push(...valid)
    attacked.push(...refused)
  }
  const goodput = countOf(beside, 200) / countOf(alone, 200)
  context.check(
    'valid requests answered with 200, over those without attacks, at least 0.80',
    goodput.toFixed(3),
    goodput >= 0.8,
  )
  const through = handled - countOf(beside, 200)
  context.check('attacks accepted: 0', `${through} of ${attacked.length}`, through === 0)
  const errors = [...attacked, ...beside].filter(({ status }) => status < 200 || status >= 500)
  context.check('broken, hung or 5xx: 0', tally(errors), errors.length === 0)
  context.note('answers to attacks', tally(attacked))
  context.note(
    'p99 of valid requests with and without attacks',
    `${quantileOf(beside, 0.99).toFixed(1)} and ${quantileOf(alone, 0.99).toFixed(1)} ms`,
  )
  client.close()
  attacker.close()
}
