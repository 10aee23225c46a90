import { startApi } from './api.ts'
import { createAttacks } from './attacks.ts'
import { countOf, createClient, quantileOf, tally, type Answer } from './client.ts'
import type { Context } from './scenario.ts'
import { createSigner, repeated } from './signing.ts'

const [validRate, attackRate] = [500, 50]
const sampleSeconds = 5
/** Short, so that the store is as full as it gets long before the first quarter ends. */
const maxAgeSeconds = 20

/** L9 */
export async function soak(context: Context): Promise<void> {
  const signer = createSigner()
  const { jwks } = signer
  const api = await startApi({
    host: 'Express',
    // Ten new tokens come in every second: it is full before the first quarter ends, too.
    tokens: { jwks, cache: { maxEntries: 200 } },
    store: { kind: 'memory' },
    maxAgeSeconds,
  })
  context.defer(api.kill)
  const client = createClient([api.port], 20, 20)
  const attacker = createClient([api.port], 5, 5)
  const attacks = createAttacks(signer)
  const stream = signer.stream()
  const turns = Math.round(context.amount / sampleSeconds)
  const heaps: number[] = []
  const handles: number[] = []
  const valid: Answer[] = []
  let [through, offered] = [0, 0]
  for (let turn = 0; turn < turns; turn += 1) {
    const [good, bad] = await Promise.all([
      client.sendAtRate(stream, validRate, sampleSeconds),
      attacker.sendAtRate(repeated(attacks), attackRate, sampleSeconds),
    ])
    const { heap, handles: open, handled } = await api.report(true)
    through += handled - countOf(good, 200)
    offered += bad.length
    valid.push(...good)
    heaps.push(heap)
    handles.push(open)
    if (turn % 12 === 0) context.say(`heap ${(heap / 1e6).toFixed(1)} MB, ${open} handles`)
  }
  const quarter = Math.ceil(turns / 4)
  // The first samples are of a store that is still filling and of code that is still compiled.
  const settled = Math.min(quarter - 1, Math.ceil((2 * maxAgeSeconds + 32) / sampleSeconds))
  const [first, last] = [mean(heaps.slice(settled, quarter + settled)), mean(heaps.slice(-quarter))]
  context.check(
    'heap of the last quarter at most 1.05 of the first',
    `${(last / first).toFixed(3)} (${(first / 1e6).toFixed(1)} to ${(last / 1e6).toFixed(1)} MB)`,
    last <= 1.05 * first,
  )
  const [early, late] = [
    Math.max(...handles.slice(0, quarter)),
    Math.max(...handles.slice(-quarter)),
  ]
  context.check('no more handles in the last quarter', `${early} to ${late}`, late <= early)
  context.check(
    'valid requests: nothing but 200',
    tally(valid),
    countOf(valid, 200) === valid.length,
  )
  context.check('attacks accepted: 0', `${through} of ${offered}`, through === 0)
  context.note('p99 of valid requests', `${quantileOf(valid, 0.99).toFixed(1)} ms`)
  client.close()
  attacker.close()
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
