import { createVerifier, pop, PopError, type VerifierOptions } from '@oauth-pop/core'
import { apiUrl, createClock, createHolders, signPop } from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'

const { holder, tokens } = createHolders()
const alice = holder()

describe('a proof that may come again', () => {
  const schemes = [pop({ bearerScheme: true, dangerouslyReusable: true, require: ['ts', 'u'] })]
  const anywhere = { m: undefined, p: undefined }

  async function sendTwice(
    word: string,
    change: Partial<VerifierOptions> = {},
    claims: Readonly<Record<string, unknown>> = anywhere,
  ): Promise<string[]> {
    const clock = createClock()
    const verifier = createVerifier({
      publicUrl: apiUrl,
      tokens,
      schemes,
      now: clock.now,
      ...change,
    })
    const proof = signPop(alice, clock.seconds(), claims)
    const rawHeaders = ['Host', 'api.example.com', 'Authorization', `${word} ${proof}`]
    const outcomes: string[] = []
    for (let use = 0; use < 2; use += 1) {
      const outcome = verifier.verify({ method: 'GET', target: '/items', rawHeaders }).then(
        () => 'accepted',
        (error: unknown) => (error instanceof PopError ? error.code : String(error)),
      )
      outcomes.push(await outcome)
      clock.advance(300)
    }
    return outcomes
  }

  test(
    'does so under the Bearer scheme, until it is out of time',
    { tags: ['rule-replay-off'] },
    async () => {
      expect(await sendTwice('Bearer')).toEqual(['accepted', 'accepted'])
      expect(await sendTwice('Bearer', { maxAgeSeconds: 299 })).toEqual([
        'accepted',
        'ERR_POP_PROOF_EXPIRED',
      ])
    },
  )

  test(
    'does not under its own scheme, nor where that is not asked for',
    { tags: ['rule-replay-off'] },
    async () => {
      expect(await sendTwice('PoP')).toEqual(['accepted', 'ERR_POP_PROOF_REPLAYED'])
      const once = { schemes: [pop({ bearerScheme: true, require: ['ts', 'u'] })] }
      expect(await sendTwice('Bearer', once)).toEqual(['accepted', 'ERR_POP_PROOF_REPLAYED'])
    },
  )

  test.each([
    ['a method', { p: undefined }],
    ['a path', { m: undefined }],
    ['both', {}],
  ])(
    'does not when it names %s, under whatever scheme it is sent',
    { tags: ['rule-replay-off'] },
    async (_, claims) => {
      expect(await sendTwice('Bearer', {}, claims)).toEqual(['accepted', 'ERR_POP_PROOF_REPLAYED'])
    },
  )

  test('does anywhere where replay protection is dangerously off', async () => {
    expect(await sendTwice('PoP', { replay: 'dangerously-none' })).toEqual(['accepted', 'accepted'])
  })
})
