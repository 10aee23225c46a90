import { createHash } from 'node:crypto'
import type { ReplayEntry, ReplayStore } from '@oauth-pop/core'
import { describe, expect, test } from 'vitest'
import { createClock } from './clock.ts'

/** Makes a fresh store that reads this clock and holds nothing. */
export type ReplayStoreFactory = (now: () => number) => ReplayStore | Promise<ReplayStore>

/** An entry as the verifier makes it: hashes of fixed length, times in seconds. */
export function createReplayEntry(id: string, issuedAt: number, owner = 'owner'): ReplayEntry {
  const hash = (text: string): string => createHash('sha256').update(text).digest('base64url')
  return { id: hash(id), owner: hash(owner), issuedAt, expiresAt: issuedAt + 300 }
}

/** The contract of every replay store. */
export function describeReplayStore(name: string, createStore: ReplayStoreFactory): void {
  describe(`${name} as a replay store`, () => {
    test('lets a proof through once', { tags: ['rule-replay-once'] }, async () => {
      const clock = createClock()
      const store = await createStore(clock.now)
      const entry = createReplayEntry('a', clock.seconds())
      expect(await store.claim(entry)).toBe(true)
      expect(await store.claim(entry)).toBe(false)
      expect(await store.claim(createReplayEntry('b', clock.seconds()))).toBe(true)
    })

    test('lets one of fifty parallel uses through', { tags: ['rule-replay-once'] }, async () => {
      const clock = createClock()
      const store = await createStore(clock.now)
      const entry = createReplayEntry('a', clock.seconds())
      const answers = await Promise.all(Array.from({ length: 50 }, () => store.claim(entry)))
      expect(answers.filter(Boolean)).toHaveLength(1)
    })

    test(
      'remembers a proof through the last second in which it is good, also one dated ahead',
      { tags: ['attack-141', 'rule-replay-lifetime'] },
      async () => {
        const clock = createClock()
        const store = await createStore(clock.now)
        const entries = [
          createReplayEntry('now', clock.seconds()),
          createReplayEntry('ahead', clock.seconds() + 30),
        ]
        for (const entry of entries) expect(await store.claim(entry)).toBe(true)
        for (const entry of entries) {
          clock.set(entry.expiresAt)
          expect(await store.claim(entry)).toBe(false)
        }
      },
    )

    test('knows an identifier again when its holder signs it with another time', async () => {
      const clock = createClock()
      const store = await createStore(clock.now)
      const entry = createReplayEntry('a', clock.seconds())
      expect(await store.claim(entry)).toBe(true)
      expect(
        await store.claim({
          ...entry,
          issuedAt: entry.issuedAt + 60,
          expiresAt: entry.expiresAt + 60,
        }),
      ).toBe(false)
    })

    test(
      'has room again once proofs have expired',
      { tags: ['rule-replay-room-again'] },
      async () => {
        const clock = createClock()
        const store = await createStore(clock.now)
        for (let round = 0; round < 20; round += 1) {
          expect(await store.claim(createReplayEntry('a', clock.seconds()))).toBe(true)
          clock.advance(400)
        }
      },
    )
  })
}
