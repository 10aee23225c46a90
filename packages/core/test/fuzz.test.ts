import { describe, expect, onTestFailed, test } from 'vitest'
import { createMutator } from './fuzz/mutator.ts'
import { acceptedRequests, fuzzTargets } from './fuzz/targets.ts'

/** A number from the environment; `FUZZ_SECONDS` counts for each target and overrides `FUZZ_RUNS`. */
function setting(name: string, fallback: number): number {
  const value = Number(process.env[name] || fallback)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new Error(`${name} must be a whole number`)
}

const seed = setting('FUZZ_SEED', 1)
const runs = setting('FUZZ_RUNS', 5000)
const seconds = setting('FUZZ_SECONDS', 0)

test('the corpus is accepted, so that mutants start close to it', async () => {
  expect(Math.min(...(await acceptedRequests()))).toBeGreaterThan(0)
})

describe('fuzz', () => {
  const timeout = Math.max(120, seconds * 2) * 1000

  test.each(Object.entries(fuzzTargets))('%s', { timeout }, async (name, { run, corpus }) => {
    const next = createMutator(seed, corpus)
    const end = Date.now() + seconds * 1000
    const more = (): boolean => (seconds > 0 ? Date.now() < end : executions < runs)
    let executions = 0
    let input: Uint8Array = new Uint8Array()
    onTestFailed(() => {
      const text = Buffer.from(input).toString('base64')
      console.error(`${name}: FUZZ_SEED=${seed}, execution ${executions}, input (base64): ${text}`)
    })
    while (more()) {
      executions += 1
      input = next()
      await run(input)
    }
    expect(executions).toBeGreaterThanOrEqual(corpus.length)
    if (seconds > 0) console.log(`${name}: ${executions} executions`)
  })
})
