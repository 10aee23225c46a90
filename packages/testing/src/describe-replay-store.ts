import assert from 'node:assert/strict'
import { replayStoreContract, type CreateStore, type StoreCase } from './replay-store-contract.ts'

/** The functions of a test runner that are used: those of Vitest, Jest and `node:test` fit. */
export interface Runner {
  readonly describe: (title: string, define: () => void) => unknown
  readonly test: ((title: string, run: () => Promise<void>) => unknown) & {
    readonly skip: (title: string, run: () => Promise<void>) => unknown
  }
}

export interface ContractOptions {
  /** Abilities that `create` does not give. Their cases are skipped, and say so. Default none. */
  readonly leaveOut?: readonly NonNullable<StoreCase['needs']>[]
  /** Default the global `describe` and `test`. */
  readonly runner?: Runner
}

/**
 * Registers the contract of every replay store as tests: a proof is accepted once, in parallel and in
 * several processes, for as long as it is good; a full store refuses and drops nothing; a store that lost
 * its memory vouches for nothing of before.
 *
 * Not checked here: that a request is refused when the store fails; that is the verifier's own.
 *
 * @param create makes a fresh store for each case
 */
export function describeReplayStore(
  name: string,
  create: CreateStore,
  { leaveOut = [], runner = globalThis as unknown as Runner }: ContractOptions = {},
): void {
  const { describe, test } = runner
  describe(`${name} as a replay store`, () => {
    for (const one of replayStoreContract) {
      const { title, needs } = one
      if (needs !== undefined && leaveOut.includes(needs))
        test.skip(`${title} (left out: ${needs})`, async () => {})
      else test(title, () => runCase(one, create))
    }
  })
}

async function runCase({ limits = {}, needs, run }: StoreCase, create: CreateStore): Promise<void> {
  const under = await create(limits)
  try {
    const able = needs === undefined || under[needs] !== undefined
    assert.ok(able, `create gives no ${needs}: give it, or write leaveOut: ['${needs}']`)
    await run(under)
  } finally {
    await under.close?.()
  }
}
