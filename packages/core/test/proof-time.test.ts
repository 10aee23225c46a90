import {
  createVerifier,
  type NonceOptions,
  type PopError,
  type ReplayEntry,
  type VerifierOptions,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  dpopRequest,
  outcomeOf,
  popRequest,
  signDpop,
  signPop,
} from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'

const { holder, tokens } = createHolders()
const alice = holder()
const dana = holder('jkt')

function serve(options: Partial<VerifierOptions> = {}): {
  readonly now: number
  readonly advance: (seconds: number) => void
  /** Sends a proof that is dated so many seconds from now, by PoP and by DPoP. */
  readonly send: (offset: number, nonce?: string) => Promise<readonly string[]>
  readonly nonces: () => Promise<readonly string[]>
  readonly entries: readonly ReplayEntry[]
} {
  const clock = createClock()
  const entries: ReplayEntry[] = []
  const claim = async (entry: ReplayEntry): Promise<boolean> => entries.push(entry) > 0
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    now: clock.now,
    replay: { claim },
    ...options,
  })
  const requests = (
    offset: number,
    nonce?: string,
  ): readonly Parameters<typeof verifier.verify>[0][] => {
    const time = clock.seconds() + offset
    return [
      popRequest(signPop(alice, Math.floor(time), { nonce })),
      dpopRequest(dana, signDpop(dana, time, { nonce })),
    ]
  }
  return {
    now: clock.seconds(),
    advance: (seconds) => clock.advance(seconds),
    entries,
    send: (offset, nonce) =>
      Promise.all(requests(offset, nonce).map((request) => outcomeOf(verifier.verify(request)))),
    async nonces() {
      const anonymous = { method: 'GET', target: '/', rawHeaders: [] }
      const refusal: unknown = await verifier.verify(anonymous).catch((error: unknown) => error)
      const { headers } = refusal as PopError
      const pop = /PoP nonce="([\w-]+)"/.exec(String(headers['www-authenticate']))?.[1] ?? ''
      return [pop, String(headers['dpop-nonce'])]
    },
  }
}

const both = (outcome: string): readonly string[] => [outcome, outcome]

describe('the time of a proof', () => {
  test.each([
    [{}, 30],
    [{ clockToleranceSeconds: 5 }, 5],
    [{ maxAheadSeconds: 300 }, 300],
    [{ maxAheadSeconds: 0 }, 0],
  ])(
    'may lie ahead with %j by %i seconds',
    { tags: ['rule-time-configured'] },
    async (options, ahead) => {
      const { send } = serve(options)
      expect(await send(ahead)).toEqual(both('accepted'))
      expect(await send(ahead + 1)).toEqual(both('ERR_POP_PROOF_NOT_YET_VALID'))
    },
  )

  test('ahead does not revive an access token', { tags: ['rule-time-configured'] }, async () => {
    const clock = createClock()
    const expired = {
      resolve: async () => ({ claims: { exp: clock.seconds() - 30 }, scopes: [], audience: [] }),
    }
    const { send } = serve({ maxAheadSeconds: 300, tokens: expired })
    expect(await send(0)).toEqual(both('ERR_POP_TOKEN_EXPIRED'))
  })

  test(
    'of DPoP may be a fraction, and is remembered for all of it',
    { tags: ['rule-time-inclusive'] },
    async () => {
      const { send, entries, now } = serve()
      expect((await send(-299.5))[1]).toBe('accepted')
      expect(entries.find(({ issuedAt }) => issuedAt === now - 300)?.expiresAt).toBe(now + 1)
      expect((await send(-300.5))[1]).toBe('ERR_POP_PROOF_EXPIRED')
      expect((await send(29.5))[1]).toBe('accepted')
      expect((await send(30.5))[1]).toBe('ERR_POP_PROOF_NOT_YET_VALID')
    },
  )
})

describe('a server nonce that stands for the time of a proof', () => {
  const timed: NonceOptions = { time: true, lifetimeSeconds: 100 }
  const sendWith = async (
    { send, nonces }: ReturnType<typeof serve>,
    offset: number,
  ): Promise<readonly string[]> => {
    const [forPop, forDpop] = await nonces()
    return [(await send(offset, forPop))[0] ?? '', (await send(offset, forDpop))[1] ?? '']
  }

  test.each([-86_400, 86_400])(
    'lets in a client whose clock is wrong by %i seconds',
    { tags: ['rule-time-of-nonce'] },
    async (offset) => {
      expect(await sendWith(serve({ nonce: timed }), offset)).toEqual(both('accepted'))
    },
  )

  test('does so only where that is asked for', { tags: ['rule-time-of-nonce'] }, async () => {
    const server = serve({ nonce: { ...timed, time: false } })
    expect(await sendWith(server, -86_400)).toEqual(both('ERR_POP_PROOF_EXPIRED'))
    expect(await sendWith(server, 86_400)).toEqual(both('ERR_POP_PROOF_NOT_YET_VALID'))
  })

  test('must be fresh and ours', { tags: ['rule-time-of-nonce'] }, async () => {
    const server = serve({ nonce: timed })
    const [stale = ''] = await server.nonces()
    server.advance(300)
    expect((await server.send(-86_400, stale))[0]).toBe('ERR_POP_PROOF_EXPIRED')
    expect(await server.send(-86_400, 'made-up')).toEqual(both('ERR_POP_PROOF_EXPIRED'))
    expect(await server.send(-86_400)).toEqual(both('ERR_POP_PROOF_EXPIRED'))
  })

  test(
    'is remembered for as long as the nonce is good, whatever time the proof says',
    { tags: ['rule-time-of-nonce', 'rule-replay-lifetime'] },
    async () => {
      const server = serve({ nonce: timed })
      await sendWith(server, 86_400)
      await sendWith(server, -86_400)
      const slot = Math.floor(server.now / 100)
      const until = (slot + 2) * 100 - 1
      expect(server.entries.map(({ expiresAt }) => expiresAt)).toEqual([until, until, until, until])
      expect(server.entries.every(({ issuedAt }) => issuedAt <= server.now)).toBe(true)
    },
  )
})
