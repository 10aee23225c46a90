import { ReplayStoreError } from '@oauth-pop/core'
import { expect, test } from 'vitest'
import { checkRefusal, sendToNew, valuesOf } from './checks.ts'
import type { Subject } from './subject.ts'

/** Token sources and replay stores that fail: 503, never a challenge. */
export const outages: Subject = {
  describe({ harness, fixtures }) {
    const { options, request } = fixtures

    test(
      'answers 503 without detail when a token source fails',
      { tags: ['answer-token-source-down', 'answer-no-detail', 'answer-no-challenge-for-outage'] },
      async () => {
        const failing = { resolve: () => Promise.reject(new Error('secret detail')) }
        const response = await sendToNew(harness, { ...options, tokens: failing }, request())
        expect(response.status).toBe(503)
        expect(valuesOf(response.headers, 'retry-after')).toEqual(['1'])
        expect(response.body).not.toContain('secret detail')
        checkRefusal(response, 503)
      },
    )

    test.each([
      ['throws', () => Promise.reject(new Error('down'))],
      ['is full', () => Promise.reject(new ReplayStoreError('ERR_POP_REPLAY_FULL'))],
      [
        'answers with something else than a boolean',
        () => Promise.resolve('yes' as unknown as boolean),
      ],
      ['does not answer', () => new Promise<boolean>(() => {})],
    ])(
      'answers 503 when the replay store %s',
      {
        tags: [
          'attack-131',
          'attack-146',
          'answer-store-down',
          'rule-replay-literal-answer',
          'rule-replay-deadline',
        ],
      },
      async (_, claim) => {
        const response = await sendToNew(harness, { ...options, replay: { claim } }, request())
        expect(response.status).toBe(503)
        checkRefusal(response, 503)
      },
    )
  },
}
