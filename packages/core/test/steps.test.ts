import { describe, expectTypeOf, test } from 'vitest'
import type { createAccessToken } from '../src/access-token.ts'
import { claimProof, type ClaimedProof } from '../src/replay/claim.ts'
import { compareRequest, type ComparedProof } from '../src/steps/compare.ts'
import { confirmKey, type ConfirmedProof } from '../src/steps/confirm.ts'
import { readProof, type ReadProof } from '../src/steps/read.ts'
import { verifyProof, type SignedProof } from '../src/steps/verify.ts'
import type { TimelyToken } from '../src/tokens/resolve.ts'
import type { ResolvedToken } from '../src/tokens/resolver.ts'

describe('each step takes what only the step before it makes', { tags: ['rule-steps'] }, () => {
  test('so that the right order compiles', () => {
    expectTypeOf(readProof).returns.toExtend<Parameters<typeof confirmKey>[0]>()
    expectTypeOf(confirmKey).returns.resolves.toExtend<Parameters<typeof verifyProof>[0]>()
    expectTypeOf(verifyProof).returns.toExtend<Parameters<typeof compareRequest>[0]>()
    expectTypeOf(compareRequest).returns.resolves.toExtend<Parameters<typeof claimProof>[0]>()
    expectTypeOf(claimProof).returns.resolves.toExtend<Parameters<typeof createAccessToken>[0]>()
  })

  test('so that a step that is left out does not', () => {
    expectTypeOf<ResolvedToken>().not.toExtend<TimelyToken>()
    expectTypeOf<ReadProof>().not.toExtend<ConfirmedProof>()
    expectTypeOf<ConfirmedProof>().not.toExtend<SignedProof>()
    expectTypeOf<SignedProof>().not.toExtend<ComparedProof>()
    expectTypeOf<ComparedProof>().not.toExtend<ClaimedProof>()
  })

  test('nor does a result without its brand, whatever it holds', () => {
    type Parts<T> = { [Name in Extract<keyof T, string>]: T[Name] }
    expectTypeOf<Parts<ReadProof>>().not.toExtend<ReadProof>()
    expectTypeOf<Parts<ConfirmedProof>>().not.toExtend<ConfirmedProof>()
    expectTypeOf<Parts<SignedProof>>().not.toExtend<SignedProof>()
    expectTypeOf<Parts<ComparedProof>>().not.toExtend<ComparedProof>()
    expectTypeOf<Parts<ClaimedProof>>().not.toExtend<ClaimedProof>()
  })
})
