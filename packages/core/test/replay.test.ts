import {
  createVerifier,
  memoryReplayStore,
  PopError,
  ReplayStoreError,
  type ReplayStore,
  type VerifierOptions,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  createReplayEntry,
  describeReplayStore,
  outcomeOf,
  popRequest,
  signPop,
} from '@oauth-pop/testkit'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { sha256OfParts } from '../src/hash.ts'

describeReplayStore(
  'memoryReplayStore',
  (limits) => {
    const clock = createClock()
    const make = (): ReplayStore => memoryReplayStore({ ...limits, now: clock.now })
    let current = make()
    return {
      store: { claim: (entry) => current.claim(entry) },
      now: clock.now,
      pass: (seconds) => clock.advance(seconds),
      forget: () => void (current = make()),
    }
  },
  ['sibling', 'stop'],
)

test('has room again once proofs have expired', { tags: ['rule-replay-room-again'] }, async () => {
  const clock = createClock()
  const store = memoryReplayStore({ now: clock.now, maxEntriesPerOwner: 1 })
  for (let round = 0; round < 20; round += 1) {
    expect(await store.claim(createReplayEntry('a', clock.seconds()))).toBe(true)
    clock.advance(400)
  }
})

async function codeOf(claim: Promise<boolean>): Promise<string | boolean> {
  try {
    return await claim
  } catch (error) {
    return error instanceof ReplayStoreError ? error.code : String(error)
  }
}

describe('memoryReplayStore', () => {
  test(
    'full, refuses and drops nothing that is live',
    { tags: ['attack-137', 'rule-replay-full'] },
    async () => {
      const clock = createClock()
      const store = memoryReplayStore({ now: clock.now, maxEntries: 2 })
      const [a, b, c] = ['a', 'b', 'c'].map((id) => createReplayEntry(id, clock.seconds()))
      for (const entry of [a, b]) expect(await store.claim(entry as never)).toBe(true)
      expect(await codeOf(store.claim(c as never))).toBe('ERR_POP_REPLAY_FULL')
      for (const entry of [a, b]) expect(await store.claim(entry as never)).toBe(false)
      clock.advance(400)
      expect(await store.claim(createReplayEntry('c', clock.seconds()))).toBe(true)
    },
  )

  test(
    'one owner cannot use up the room of another, and has room again later',
    { tags: ['attack-136', 'rule-replay-owner-full'] },
    async () => {
      const clock = createClock()
      const store = memoryReplayStore({ now: clock.now, maxEntriesPerOwner: 2 })
      for (const id of ['a', 'b'])
        expect(await store.claim(createReplayEntry(id, clock.seconds()))).toBe(true)
      expect(await codeOf(store.claim(createReplayEntry('c', clock.seconds())))).toBe(
        'ERR_POP_REPLAY_OWNER_FULL',
      )
      expect(await store.claim(createReplayEntry('c', clock.seconds(), 'other'))).toBe(true)
      clock.advance(400)
      expect(await store.claim(createReplayEntry('c', clock.seconds()))).toBe(true)
    },
  )

  test('warns once when it is over 80 % full', { tags: ['rule-replay-warning'] }, async () => {
    const clock = createClock()
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const store = memoryReplayStore({ now: clock.now, maxEntries: 10 })
    for (let id = 0; id < 10; id += 1)
      await store.claim(createReplayEntry(`${id}`, clock.seconds()))
    expect(warning).toHaveBeenCalledTimes(1)
    warning.mockRestore()
  })

  test(
    'refuses proofs dated before it was made, unless the guard is off',
    { tags: ['attack-138', 'rule-replay-restart'] },
    async () => {
      const clock = createClock()
      const before = createReplayEntry('a', clock.seconds() - 1)
      expect(await codeOf(memoryReplayStore({ now: clock.now }).claim(before))).toBe(
        'ERR_POP_REPLAY_TOO_OLD',
      )
      expect(await memoryReplayStore({ now: clock.now, restartGuard: 'off' }).claim(before)).toBe(
        true,
      )
      expect(
        await memoryReplayStore({ now: clock.now }).claim(createReplayEntry('a', clock.seconds())),
      ).toBe(true)
    },
  )

  test(
    'refuses proofs of the second in which it was made, and says how long that lasts',
    { tags: ['attack-138', 'rule-replay-restart'] },
    async () => {
      const madeAt = 1_790_000_000
      const claim = (milliseconds: number, issuedAt: number): Promise<boolean> =>
        memoryReplayStore({ now: () => madeAt * 1000 + milliseconds }).claim(
          createReplayEntry('a', issuedAt),
        )
      expect(await claim(0, madeAt)).toBe(true)
      for (const [issuedAt, retryAfterSeconds] of [
        [madeAt, 1],
        [madeAt - 60, 61],
      ] as const) {
        await expect(claim(1, issuedAt)).rejects.toMatchObject({
          code: 'ERR_POP_REPLAY_TOO_OLD',
          retryAfterSeconds,
        })
      }
      expect(await claim(999, madeAt + 1)).toBe(true)
    },
  )

  test(
    'takes a proof in its last second also when its neighbours have just been dropped',
    { tags: ['attack-141', 'rule-replay-lifetime'] },
    async () => {
      const clock = createClock(1_790_000_000)
      const store = memoryReplayStore({ now: clock.now, restartGuard: 'off' })
      const expiring = (id: string, expiresAt: number): Parameters<typeof store.claim>[0] => ({
        ...createReplayEntry(id, expiresAt - 300),
        expiresAt,
      })
      for (let ahead = 1; ahead <= 64; ahead += 1) {
        const entry = expiring(`${ahead}`, clock.seconds() + 300)
        expect(await store.claim(entry)).toBe(true)
        clock.advance(300)
        expect(await store.claim(expiring(`last ${ahead}`, clock.seconds()))).toBe(true)
        expect(await store.claim(entry)).toBe(false)
        clock.advance(1)
      }
    },
  )

  test(
    'accepts nothing again that it has forgotten when the clock is set back',
    { tags: ['attack-124', 'rule-replay-clock-back'] },
    async () => {
      const clock = createClock()
      const start = clock.seconds()
      const store = memoryReplayStore({ now: clock.now })
      const entry = createReplayEntry('a', start)
      expect(await store.claim(entry)).toBe(true)
      clock.advance(3600)
      expect(await store.claim(createReplayEntry('b', clock.seconds()))).toBe(true)
      clock.set(start + 1)
      expect(await codeOf(store.claim(entry))).toBe('ERR_POP_REPLAY_TOO_OLD')
    },
  )

  test(
    'warns a process that is one of several',
    { tags: ['rule-replay-several-processes'] },
    () => {
      const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
      onTestFinished(() => void vi.unstubAllEnvs())
      memoryReplayStore()
      expect(warned).not.toHaveBeenCalled()
      vi.stubEnv('NODE_APP_INSTANCE', '0')
      memoryReplayStore()
      expect(warned).toHaveBeenCalledExactlyOnceWith(
        expect.stringContaining('redisReplayStore({ send })'),
        { type: 'OAuthPopWarning', code: 'ERR_POP_PROOF_REPLAYED' },
      )
    },
  )

  test.each([
    { maxEntries: -1 },
    { maxEntries: Number.NaN },
    { restartGuard: 'maybe' },
    { maxEntires: 1 },
  ])('refuses the options %o', (options) => {
    expect(() => memoryReplayStore(options as never)).toThrow(TypeError)
  })
})

describe('the verifier and its store', () => {
  const { holder, tokens } = createHolders()
  const alice = holder()

  async function ask(replay: ReplayStore, claims: Record<string, unknown> = {}): Promise<string> {
    const clock = createClock()
    const verifier = createVerifier({ publicUrl: apiUrl, tokens, replay, now: clock.now })
    const proof = signPop(alice, clock.seconds(), claims)
    const rawHeaders = ['Host', 'api.example.com', 'Authorization', `PoP ${proof}`]
    try {
      await verifier.verify({ method: 'GET', target: '/items', rawHeaders })
      return 'accepted'
    } catch (error) {
      return error instanceof PopError ? `${error.status} ${error.code}` : String(error)
    }
  }

  test.each([
    ['true', async () => true, 'accepted'],
    ['false', async () => false, '401 ERR_POP_PROOF_REPLAYED'],
    ['undefined', async () => undefined, '503 ERR_POP_REPLAY_UNAVAILABLE'],
    ['1', async () => 1, '503 ERR_POP_REPLAY_UNAVAILABLE'],
    ['a rejection', () => Promise.reject(new Error('x')), '503 ERR_POP_REPLAY_UNAVAILABLE'],
    [
      'a full store',
      () => Promise.reject(new ReplayStoreError('ERR_POP_REPLAY_FULL')),
      '503 ERR_POP_REPLAY_FULL',
    ],
    [
      'a full owner',
      () => Promise.reject(new ReplayStoreError('ERR_POP_REPLAY_OWNER_FULL')),
      '503 ERR_POP_REPLAY_OWNER_FULL',
    ],
    [
      'a proof that is older than it',
      () => Promise.reject(new ReplayStoreError('ERR_POP_REPLAY_TOO_OLD')),
      '503 ERR_POP_REPLAY_TOO_OLD',
    ],
    ['silence', () => new Promise(() => {}), '503 ERR_POP_REPLAY_UNAVAILABLE'],
  ])(
    'a store that answers with %s',
    {
      tags: [
        'attack-131',
        'attack-136',
        'attack-137',
        'attack-146',
        'rule-replay-literal-answer',
        'rule-replay-deadline',
        'answer-store-down',
      ],
    },
    async (_, claim, outcome) => {
      expect(await ask({ claim } as ReplayStore)).toBe(outcome)
    },
  )

  test(
    'a store is silent for 250 ms until it counts as down',
    { tags: ['attack-132', 'rule-replay-deadline'] },
    async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      onTestFinished(() => void vi.useRealTimers())
      let outcome = 'none yet'
      void ask({ claim: () => new Promise(() => {}) }).then((text) => void (outcome = text))
      await vi.advanceTimersByTimeAsync(249)
      expect(outcome).toBe('none yet')
      await vi.advanceTimersByTimeAsync(1)
      expect(outcome).toBe('503 ERR_POP_REPLAY_UNAVAILABLE')
    },
  )

  test(
    'a claim whose reply is lost is not repeated, and counts',
    { tags: ['attack-133'] },
    async () => {
      const clock = createClock()
      const store = memoryReplayStore({ now: clock.now })
      const claim = vi.fn<ReplayStore['claim']>((entry) => store.claim(entry))
      claim.mockImplementationOnce(async (entry) => {
        await store.claim(entry)
        throw new Error('connection reset')
      })
      const replay = { claim }
      const verifier = createVerifier({ publicUrl: apiUrl, tokens, replay, now: clock.now })
      const request = popRequest(signPop(alice, clock.seconds()))
      expect(await outcomeOf(verifier.verify(request))).toBe('ERR_POP_REPLAY_UNAVAILABLE')
      expect(claim).toHaveBeenCalledTimes(1)
      expect(await outcomeOf(verifier.verify(request))).toBe('ERR_POP_PROOF_REPLAYED')
    },
  )

  test(
    'a proof of before a restart is refused after it',
    { tags: ['attack-138', 'rule-replay-restart', 'answer-store-down'] },
    async () => {
      const clock = createClock()
      const prove = (): ReturnType<typeof popRequest> => popRequest(signPop(alice, clock.seconds()))
      const start = (): ReturnType<typeof createVerifier> =>
        createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })
      const used = prove()
      expect(await outcomeOf(start().verify(used))).toBe('accepted')
      clock.advance(1)
      const restarted = start()
      expect(await outcomeOf(restarted.verify(used))).toBe('ERR_POP_REPLAY_TOO_OLD')
      expect(await outcomeOf(restarted.verify(prove()))).toBe('accepted')
    },
  )

  test(
    'a client whose clock is behind learns from the answer when it gets in, and then does',
    { tags: ['rule-replay-restart'] },
    async () => {
      const clock = createClock()
      const verifier = createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })
      const prove = (): ReturnType<typeof popRequest> =>
        popRequest(signPop(alice, clock.seconds() - 60))
      const refusal = verifier.verify(prove())
      await expect(refusal).rejects.toMatchObject({
        code: 'ERR_POP_REPLAY_TOO_OLD',
        headers: { 'retry-after': '60' },
      })
      clock.advance(59)
      expect(await outcomeOf(verifier.verify(prove()))).toBe('ERR_POP_REPLAY_TOO_OLD')
      clock.advance(1)
      expect(await outcomeOf(verifier.verify(prove()))).toBe('accepted')
    },
  )

  test.each([
    ['its own random secret', undefined, 'accepted'],
    ['a secret that an earlier process had too', [Buffer.alloc(32, 1)], 'ERR_POP_REPLAY_TOO_OLD'],
  ])(
    'a server nonce made with %s decides whether a proof can be older than the process',
    { tags: ['rule-replay-restart', 'rule-replay-nonce-fresh'] },
    async (_, secrets, outcome) => {
      const clock = createClock()
      clock.advance(10)
      const nonce = secrets === undefined ? {} : { secrets }
      const verifier = createVerifier({ publicUrl: apiUrl, tokens, nonce, now: clock.now })
      const send = (own?: string): Promise<unknown> =>
        verifier.verify(popRequest(signPop(alice, clock.seconds() - 5, { nonce: own })))
      const refusal: unknown = await send().catch((error: unknown) => error)
      const { headers } = refusal as PopError
      const fresh = /nonce="([\w-]+)"/.exec(String(headers['www-authenticate']))?.[1]
      expect(await outcomeOf(send(fresh))).toBe(outcome)
    },
  )

  test(
    'verifiers that share a store and keep proofs for different times are refused at start-up',
    { tags: ['rule-replay-shared-life'] },
    () => {
      const replay = memoryReplayStore()
      const create = (change: Partial<VerifierOptions>): unknown =>
        createVerifier({ publicUrl: apiUrl, tokens, replay, ...change })
      create({})
      create({ maxAgeSeconds: 300 })
      for (const change of [{ maxAgeSeconds: 60 }, { nonce: { time: true } }])
        expect(() => create(change)).toThrow('verifiers that share a replay store')
    },
  )

  test(
    'a synchronous throw of a store is an outage too',
    { tags: ['attack-146', 'rule-replay-literal-answer'] },
    async () => {
      const claim = (): never => {
        throw new Error('x')
      }
      expect(await ask({ claim })).toBe('503 ERR_POP_REPLAY_UNAVAILABLE')
    },
  )

  test(
    'the store sees hashes of fixed length, whatever the client chose, and an end computed from the proof',
    { tags: ['attack-142', 'rule-replay-hashes-only', 'rule-replay-lifetime'] },
    async () => {
      const claim = vi.fn<ReplayStore['claim']>(async () => true)
      await ask({ claim }, { jti: 'a\r\nb*', ts: 1_790_000_010 })
      expect(claim).toHaveBeenCalledExactlyOnceWith({
        id: expect.stringMatching(/^[\w-]{43}$/) as string,
        owner: expect.stringMatching(/^[\w-]{43}$/) as string,
        issuedAt: 1_790_000_010,
        expiresAt: 1_790_000_310,
      })
    },
  )

  test(
    'a proof that one verifier has seen is used up at all that share its store',
    { tags: ['attack-116'] },
    async () => {
      const clock = createClock()
      const replay = memoryReplayStore({ now: clock.now })
      const request = popRequest(signPop(alice, clock.seconds()))
      const verify = (): Promise<string> =>
        outcomeOf(
          createVerifier({ publicUrl: apiUrl, tokens, replay, now: clock.now }).verify(request),
        )
      expect([await verify(), await verify()]).toEqual(['accepted', 'ERR_POP_PROOF_REPLAYED'])
    },
  )

  test(
    'parts that are cut in other places make another identifier',
    { tags: ['attack-113'] },
    () => {
      const cuts = [
        ['a', 'bc'],
        ['ab', 'c'],
        ['abc'],
        ['', 'abc'],
        ['a', 'b', 'c'],
        ['a2:', 'bc'],
        ['a', '2:bc'],
      ]
      expect(new Set(cuts.map((parts) => sha256OfParts(...parts))).size).toBe(cuts.length)
    },
  )

  test(
    'a proof that went out of time while its body was read is not claimed',
    { tags: ['rule-time-of-claim'] },
    async () => {
      const clock = createClock()
      const claim = vi.fn<ReplayStore['claim']>(async () => true)
      const verifier = createVerifier({
        publicUrl: apiUrl,
        tokens,
        replay: { claim },
        now: clock.now,
      })
      const proof = signPop(alice, clock.seconds() - 299, {
        m: 'POST',
        b: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
      })
      const slow = verifier.verify({
        method: 'POST',
        target: '/items',
        rawHeaders: ['Host', 'api.example.com', 'Authorization', `PoP ${proof}`],
        body: async () => {
          clock.advance(5)
          return new Uint8Array()
        },
      })
      await expect(slow).rejects.toMatchObject({ code: 'ERR_POP_PROOF_EXPIRED' })
      expect(claim).not.toHaveBeenCalled()
    },
  )
})
