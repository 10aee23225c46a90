import { createHash } from 'node:crypto'
import type { ReplayEntry } from '@oauth-pop/core'
import {
  describeReplayStore as describeContract,
  type ContractOptions,
  type CreateStore,
} from '@oauth-pop/testing'
import { describe, test } from 'vitest'

/** An entry as the verifier makes it: hashes of fixed length, times in seconds. */
export function createReplayEntry(id: string, issuedAt: number, owner = 'owner'): ReplayEntry {
  const hash = (text: string): string => createHash('sha256').update(text).digest('base64url')
  return { id: hash(id), owner: hash(owner), issuedAt, expiresAt: issuedAt + 300 }
}

const tags = [
  'rule-replay-once',
  'rule-replay-lifetime',
  'rule-replay-owner-full',
  'attack-141',
] as const

/**
 * The published contract, with the requirements that it proves. All cases at once, because a real server
 * lets real seconds pass.
 */
export function describeReplayStore(
  name: string,
  create: CreateStore,
  leaveOut: NonNullable<ContractOptions['leaveOut']> = [],
): void {
  const options = { tags: [...tags], timeout: 20_000 }
  const register = (title: string, run: () => Promise<void>): void =>
    // oxlint-disable-next-line vitest/valid-title, vitest/expect-expect -- both are of the contract
    test.concurrent(title, options, run)
  const runner = { describe, test: Object.assign(register, { skip: test.skip }) }
  describeContract(name, create, { leaveOut, runner })
}
