import {
  createVerifier,
  memoryReplayStore,
  pop,
  PopError,
  ReplayStoreError,
  storedTokens,
  type ReplayStore,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  createReplayEntry,
  describeReplayStore,
  hashOf,
  popPayload,
  popRequest,
  signPop,
} from '@oauth-pop/testkit'
import { createHmac } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'

describeReplayStore('memoryReplayStore', (now) => memoryReplayStore({ now, restartGuard: 'off' }))

async function codeOf(claim: Promise<boolean>): Promise<string | boolean> {
  try {
    return await claim
  } catch (error) {
    return error instanceof ReplayStoreError ? error.code : String(error)
  }
}

describe('memoryReplayStore', () => {
  test('full, refuses and drops nothing that is live', async () => {
    const clock = createClock()
    const store = memoryReplayStore({ now: clock.now, maxEntries: 2 })
    const [a, b, c] = ['a', 'b', 'c'].map((id) => createReplayEntry(id, clock.seconds()))
    for (const entry of [a, b]) expect(await store.claim(entry as never)).toBe(true)
    expect(await codeOf(store.claim(c as never))).toBe('ERR_POP_REPLAY_FULL')
    for (const entry of [a, b]) expect(await store.claim(entry as never)).toBe(false)
    clock.advance(400)
    expect(await store.claim(createReplayEntry('c', clock.seconds()))).toBe(true)
  })

  test('one owner cannot use up the room of another, and has room again later', async () => {
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
  })

  test('warns once when it is over 80 % full', async () => {
    const clock = createClock()
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const store = memoryReplayStore({ now: clock.now, maxEntries: 10 })
    for (let id = 0; id < 10; id += 1)
      await store.claim(createReplayEntry(`${id}`, clock.seconds()))
    expect(warning).toHaveBeenCalledTimes(1)
    warning.mockRestore()
  })

  test('refuses proofs dated before it was made, unless the guard is off', async () => {
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
  })

  test('takes a proof in its last second also when its neighbours have just been dropped', async () => {
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
  })

  test('accepts nothing again that it has forgotten when the clock is set back', async () => {
    const clock = createClock()
    const start = clock.seconds()
    const store = memoryReplayStore({ now: clock.now })
    const entry = createReplayEntry('a', start)
    expect(await store.claim(entry)).toBe(true)
    clock.advance(3600)
    expect(await store.claim(createReplayEntry('b', clock.seconds()))).toBe(true)
    clock.set(start + 1)
    expect(await codeOf(store.claim(entry))).toBe('ERR_POP_REPLAY_TOO_OLD')
  })

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
    ['silence', () => new Promise(() => {}), '503 ERR_POP_REPLAY_UNAVAILABLE'],
  ])('a store that answers with %s', async (_, claim, outcome) => {
    expect(await ask({ claim } as ReplayStore)).toBe(outcome)
  })

  test('a synchronous throw of a store is an outage too', async () => {
    const claim = (): never => {
      throw new Error('x')
    }
    expect(await ask({ claim })).toBe('503 ERR_POP_REPLAY_UNAVAILABLE')
  })

  test('the store sees hashes of fixed length, whatever the client chose, and an end computed from the proof', async () => {
    const claim = vi.fn<ReplayStore['claim']>(async () => true)
    await ask({ claim }, { jti: 'a\r\nb*', ts: 1_790_000_010 })
    expect(claim).toHaveBeenCalledExactlyOnceWith({
      id: expect.stringMatching(/^[\w-]{43}$/) as string,
      owner: expect.stringMatching(/^[\w-]{43}$/) as string,
      issuedAt: 1_790_000_010,
      expiresAt: 1_790_000_310,
    })
  })

  test.each([
    ['the client, where the token names one', { client_id: 'app' }, true],
    ['the token, where it does not', {}, false],
  ])('a shared secret is never the owner: %s', async (_, claims, isShared) => {
    const clock = createClock()
    const claim = vi.fn<ReplayStore['claim']>(async () => true)
    const secret = Buffer.alloc(32, 7)
    const verifier = createVerifier({
      publicUrl: apiUrl,
      replay: { claim },
      now: clock.now,
      tokens: storedTokens(() => ({ aud: apiUrl, ...claims }), { audience: apiUrl }),
      schemes: [
        pop({
          algorithms: ['HS256'],
          resolveKey: async () => ({ kty: 'oct', k: secret.toString('base64url') }),
        }),
      ],
    })
    for (const at of ['token-1', 'token-2']) {
      const payload = popPayload({ ...alice, accessToken: at }, clock.seconds())
      const input = [{ typ: 'pop', alg: 'HS256' }, payload]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.')
      const mac = createHmac('sha256', secret).update(input).digest('base64url')
      await verifier.verify(popRequest(`${input}.${mac}`))
    }
    const owners = claim.mock.calls.map(([{ owner }]) => owner)
    const thumbprint = hashOf(JSON.stringify({ k: secret.toString('base64url'), kty: 'oct' }))
    expect(owners).toHaveLength(2)
    expect(owners).not.toContain(thumbprint)
    expect(owners[0] === owners[1]).toBe(isShared)
  })

  test('a proof that went out of time while its body was read is not claimed', async () => {
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
  })
})
