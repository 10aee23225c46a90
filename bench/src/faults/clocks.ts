import { setTimeout as sleep } from 'node:timers/promises'
import { createVerifier, memoryReplayStore, pop, type ReplayStore } from '@oauth-pop/core'
import { redisReplayStore } from '@oauth-pop/redis'
import { apiUrl, createHolders, outcomeOf, popRequest, signPop } from '@oauth-pop/testkit'
import { openRedis } from './clients.ts'
import type { Context } from './scenario.ts'
import { openRealRedis } from './servers.ts'

const steps: readonly (readonly [name: string, offsets: readonly number[]])[] = [
  ['one hour ahead and back', [3600, 0]],
  ['one hour back and ahead again', [-3600, 0]],
  ['one second ahead and back', [1, 0]],
  ['one second back and ahead again', [-1, 0]],
  ['drift of a second per second, for a minute', Array.from({ length: 60 }, (_, at) => at + 1)],
  ['there and back for ever', [3600, 0, -3600, 0, 60, -60, 0, 301, 0, 331, -31, 0]],
]

const perStep = 6

/**
 * F8: the clock of one process steps, that of its clients does not, and time goes on. After each step all
 * proofs that were ever accepted come again.
 */
export async function steppedClocks(context: Context): Promise<void> {
  for (const [name, offsets] of steps) {
    await step(context, `memory: ${name}`, offsets, (now) => memoryReplayStore({ now }))
  }
  const redis = await openRealRedis(context)
  const { send, close } = await openRedis('ioredis', redis.socket)
  context.defer(close)
  for (const [index, [name, offsets]] of steps.entries()) {
    const create = (now: () => number): ReplayStore =>
      redisReplayStore({ send, now, prefix: `step${index}` })
    await step(context, `Redis: ${name}`, offsets, create)
  }
}

async function step(
  { check }: Context,
  name: string,
  offsets: readonly number[],
  createStore: (now: () => number) => ReplayStore,
): Promise<void> {
  let offset = 0
  const real = (): number => Date.now() / 1000
  const now = (): number => (real() + offset) * 1000
  const { holder, tokens } = createHolders()
  const alice = holder()
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    schemes: [pop()],
    replay: createStore(now),
    now,
  })
  const send = (proof: string): Promise<string> => outcomeOf(verifier.verify(popRequest(proof)))
  const accepted: string[] = []
  const odd = new Set<string>()
  let replays = 0
  let fresh: string[] = []

  async function visit(): Promise<void> {
    for (const proof of accepted) {
      const outcome = await send(proof)
      if (outcome === 'accepted') replays += 1
      if (outcome === 'ERR_POP_INTERNAL') odd.add(outcome)
    }
    fresh = []
    for (let index = 0; index < perStep; index += 1) {
      // Ahead: past the second in which the store began.
      const proof = signPop(alice, Math.floor(real()) + 2)
      const outcome = await send(proof)
      fresh.push(outcome)
      if (outcome === 'accepted') accepted.push(proof)
      if (outcome === 'ERR_POP_INTERNAL') odd.add(outcome)
    }
  }

  await visit()
  if (accepted.length < perStep) throw new Error(`not accepted at first: ${fresh[0]}`)
  for (const next of offsets) {
    offset = next
    await visit()
  }
  offset = 0
  // A store whose clock differs counts as down; it is tried again every half second.
  await sleep(600)
  await visit()
  const recovered = fresh.filter((outcome) => outcome === 'accepted').length
  check(`${name}: replays accepted: 0`, String(replays), replays === 0)
  check(
    `${name}: accepted again once the clocks agree`,
    `${recovered} of ${perStep}${recovered < perStep ? ` (${fresh.at(-1)})` : ''}`,
    recovered === perStep,
  )
  check(`${name}: nothing throws`, [...odd].join() || 'nothing', odd.size === 0)
}
