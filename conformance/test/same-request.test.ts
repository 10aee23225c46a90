import { createHolders } from '@oauth-pop/testkit'
import { afterAll, beforeAll, describe, expect, test, type TestOptions } from 'vitest'
import { createRandom, type Random } from '../../packages/core/test/fuzz/mutator.ts'
import { changeWire, families, type FamilyName } from './same-request/changes.ts'
import { connectionsOfHost, openHost, type Host } from './same-request/oracle.ts'
import { setups, type Kind } from './same-request/setups.ts'
import { describeFinding, shrink, type Case, type Finding } from './same-request/shrink.ts'
import { generateSigned, honestWire } from './same-request/signed.ts'

/** A whole number from the environment. */
function setting(name: string, fallback: number): number {
  const value = Number(process.env[name] || fallback)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new Error(`${name} must be a whole number`)
}

const seed = setting('SAME_REQUEST_SEED', 1)
const seconds = setting('SAME_REQUEST_SECONDS', 0)
const kinds = Object.keys(setups) as readonly Kind[]
const names = Object.keys(families) as readonly FamilyName[]

/** What each family is tried on, and how often on each host, unless it runs for some seconds. */
interface Plan {
  readonly name: string
  readonly on: readonly Kind[]
  readonly changes: readonly FamilyName[]
  readonly runs: number
  readonly tags: NonNullable<TestOptions['tags']>
}

const plans: readonly Plan[] = [
  {
    name: 'a query as long as parsers stop reading',
    on: ['allow', 'reject'],
    changes: ['limits'],
    runs: 100,
    tags: ['shr-query-pollution'],
  },
  {
    name: 'names that a parser folds into signed ones',
    on: ['allow'],
    changes: ['names'],
    runs: 400,
    tags: ['shr-query-pollution'],
  },
  {
    name: 'a query signed as text',
    on: ['allow', 'reject'],
    changes: ['text'],
    runs: 50,
    tags: [],
  },
  {
    name: 'headers beside, in front of and like the signed ones',
    on: ['allow', 'reject'],
    changes: ['headers'],
    runs: 100,
    tags: [],
  },
  {
    name: 'targets in other forms',
    on: ['allow', 'reject'],
    changes: ['targets'],
    runs: 150,
    tags: [],
  },
  {
    name: 'several names of one server',
    on: ['tenants'],
    changes: ['hosts'],
    runs: 200,
    tags: ['attack-53'],
  },
  {
    name: 'a proxy that says the name',
    on: ['forwarded'],
    changes: ['forwarded'],
    runs: 200,
    tags: ['attack-53'],
  },
  {
    name: 'an application in another one',
    on: ['mounted'],
    changes: ['mounts'],
    runs: 200,
    tags: [],
  },
  { name: 'bodies', on: ['allow', 'reject'], changes: ['bodies'], runs: 50, tags: [] },
  { name: 'all of it together', on: kinds, changes: names, runs: 100, tags: [] },
]

const counts = new Map<string, { accepted: number; refused: number }>()
const hosts = new Map<Kind, readonly Host[]>()
let started = 0

beforeAll(async () => {
  const { holder, tokens } = createHolders()
  const nowSeconds = 1_790_000_000
  const holders = { pop: holder(), dpop: holder('jkt'), tokens, nowSeconds }
  for (const kind of kinds) {
    hosts.set(kind, await Promise.all(setups[kind].map((setup) => openHost(setup, holders))))
  }
  started = Date.now()
}, 60_000)

afterAll(async () => {
  await Promise.all([...hosts.values()].flat().map((host) => host.close()))
})

function generate(host: Host, { changes }: Plan, random: Random): Case {
  const signed = generateSigned(host.setup, random)
  return { signed, wire: changeWire(honestWire(signed, host.setup), changes, random, signed) }
}

/** Runs until the first finding, which is returned shrunk. */
async function fuzz(host: Host, plan: Plan, random: Random): Promise<Finding | undefined> {
  const { name } = host.setup
  const count = counts.get(name) ?? { accepted: 0, refused: 0 }
  counts.set(name, count)
  const end = Date.now() + seconds * 1000
  let found: Finding | undefined
  let runs = 0
  async function work(): Promise<void> {
    while (found === undefined && (seconds > 0 ? Date.now() < end : runs < plan.runs)) {
      runs += 1
      const own = generate(host, plan, random)
      const verdict = await host.judge(own.signed, own.wire)
      count[verdict.accepted ? 'accepted' : 'refused'] += 1
      if (verdict.differences.length > 0) found ??= { ...own, verdict, host: name }
    }
  }
  await Promise.all(Array.from({ length: connectionsOfHost }, work))
  return found && shrink(host, found, found.verdict)
}

describe(
  'an accepted request is the one that was signed',
  { timeout: 120_000 + seconds * 2000 },
  () => {
    plans.forEach((plan) => {
      test(`${plan.name}`, { tags: plan.tags }, async () => {
        const all = plan.on.flatMap((kind) => hosts.get(kind) ?? [])
        const findings = await Promise.all(
          all.map((host, index) => fuzz(host, plan, createRandom(seed + index * 7919))),
        )
        const texts = findings.flatMap((found) => found && describeFinding(found)).filter(Boolean)
        expect(texts, `SAME_REQUEST_SEED=${seed}\n\n${texts.join('\n\n')}\n`).toEqual([])
      })
    })

    test('enough requests are accepted, so that the comparison means something', () => {
      const rows = [...counts].map(([name, { accepted, refused }]) => ({ name, accepted, refused }))
      const requests = rows.reduce((sum, { accepted, refused }) => sum + accepted + refused, 0)
      const each = rows.map(({ name, accepted, refused }) => `${name} ${accepted}/${refused}`)
      const took = ((Date.now() - started) / 1000).toFixed(1)
      console.log(
        `${requests} requests to ${rows.length} hosts in ${took} s, accepted/refused: ${each.join('; ')}`,
      )
      expect(rows.filter(({ accepted, refused }) => accepted * 3 < refused)).toEqual([])
      expect(requests).toBeGreaterThanOrEqual(seconds === 0 ? 20_000 : rows.length)
    })
  },
)
