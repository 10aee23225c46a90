import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ReplayStoreError, type ReplayEntry, type ReplayStore } from '@oauth-pop/core'

/** Limits that a case needs a store to have. */
export interface StoreLimits {
  readonly maxEntriesPerOwner?: number
}

/** A store that holds nothing, and what a test can do to it. */
export interface StoreUnderTest {
  readonly store: ReplayStore
  /** The clock of the store, milliseconds. */
  readonly now: () => number
  /** Lets so many seconds pass: moves a clock of its own, or waits. */
  readonly pass: (seconds: number) => void | Promise<void>
  /** The store of another process on the same server. Without it there is one process only. */
  readonly sibling?: () => ReplayStore
  /** The server loses everything. */
  readonly forget?: () => void | Promise<void>
  /** The server dies. */
  readonly stop?: () => void | Promise<void>
  readonly close?: () => void | Promise<void>
}

/** Makes a fresh store. Its memory is to be older than the proofs of its first second. */
export type CreateStore = (limits: StoreLimits) => StoreUnderTest | Promise<StoreUnderTest>

/** One case of the contract. */
export interface StoreCase {
  readonly title: string
  readonly limits?: StoreLimits
  /** What a store must be able to do for it. */
  readonly needs?: 'sibling' | 'forget' | 'stop'
  readonly run: (under: StoreUnderTest) => Promise<void>
}

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url')
/** Short, because a real server lets real seconds pass. */
const life = 3

/** A proof of now. */
function proofOf(
  { now }: StoreUnderTest,
  id: string,
  change: Partial<ReplayEntry> = {},
): ReplayEntry {
  const issuedAt = change.issuedAt ?? Math.floor(now() / 1000)
  return { id: hash(id), owner: hash('owner'), issuedAt, expiresAt: issuedAt + life, ...change }
}

async function refusalOf(claim: Promise<boolean>): Promise<ReplayStoreError> {
  const error: unknown = await claim.then(
    (answer) => assert.fail(`the claim was answered with ${answer}`),
    (reason: unknown) => reason,
  )
  if (error instanceof ReplayStoreError) return error
  throw error
}

/**
 * One of these claims is answered with true, and the others with false. A busy server may leave some
 * without an answer, and the winner may be among them; two winners there must never be.
 */
async function assertOneWinner(claims: readonly Promise<boolean>[]): Promise<void> {
  const answers = await Promise.all(
    claims.map((claim) =>
      claim.catch((error: unknown) => {
        if (error instanceof ReplayStoreError) return undefined
        throw error
      }),
    ),
  )
  const winners = answers.filter((answer) => answer === true).length
  assert.ok(winners === 1 || (winners === 0 && answers.includes(undefined)))
  assert.ok(answers.every((answer) => answer === undefined || typeof answer === 'boolean'))
}

/** What every replay store must do: see `ReplayStore` of `@oauth-pop/core`. */
export const replayStoreContract: readonly StoreCase[] = [
  {
    title: 'lets a proof through once',
    async run(under) {
      const { store } = under
      const proof = proofOf(under, 'a')
      assert.equal(await store.claim(proof), true)
      assert.equal(await store.claim(proof), false)
      assert.equal(await store.claim(proofOf(under, 'b')), true)
    },
  },
  {
    title: 'lets one of a hundred parallel uses through',
    async run(under) {
      const proof = proofOf(under, 'a')
      await assertOneWinner(Array.from({ length: 100 }, () => under.store.claim(proof)))
    },
  },
  {
    title: 'lets one of a hundred parallel uses in two processes through',
    needs: 'sibling',
    async run(under) {
      const stores = [under.store, (under.sibling as () => ReplayStore)()] as const
      const proof = proofOf(under, 'a')
      const claims = Array.from({ length: 100 }, (_, index) =>
        stores[index % 2 ? 1 : 0].claim(proof),
      )
      await assertOneWinner(claims)
      const other = proofOf(under, 'b')
      assert.equal(await stores[0].claim(other), true)
      assert.equal(await stores[1].claim(other), false)
    },
  },
  {
    title:
      'remembers a proof in every second up to the last in which it is good, also one dated ahead',
    async run(under) {
      const { store, now, pass } = under
      const issuedAt = Math.floor(now() / 1000)
      const proofs = [proofOf(under, 'now'), proofOf(under, 'ahead', { issuedAt: issuedAt + 2 })]
      for (const proof of proofs) assert.equal(await store.claim(proof), true)
      while (Math.floor(now() / 1000) < issuedAt + 2 + life) {
        const second = Math.floor(now() / 1000)
        for (const proof of proofs)
          if (second <= proof.expiresAt) assert.equal(await store.claim(proof), false)
        await pass(1)
      }
    },
  },
  {
    title: 'forgets by the expiry of the proof, whenever that was claimed',
    async run(under) {
      const { store, now, pass } = under
      const issuedAt = Math.floor(now() / 1000)
      const late = proofOf(under, 'late', { issuedAt, expiresAt: issuedAt + life })
      await pass(life - 1)
      assert.equal(await store.claim(late), true)
      assert.equal(await store.claim(late), false)
    },
  },
  {
    title: 'knows an identifier again when its holder signs it with another time',
    async run(under) {
      const proof = proofOf(under, 'a')
      assert.equal(await under.store.claim(proof), true)
      for (const later of [1, 2]) {
        const again = { issuedAt: proof.issuedAt + later, expiresAt: proof.expiresAt + later }
        assert.equal(await under.store.claim({ ...proof, ...again }), false)
      }
    },
  },
  {
    title: 'tells proofs apart whose identifiers differ in one character',
    async run(under) {
      const id = hash('a')
      for (const at of [0, 1, 10, 20]) {
        const other = id[at] === 'A' ? 'B' : 'A'
        const changed = id.slice(0, at) + other + id.slice(at + 1)
        assert.equal(await under.store.claim(proofOf(under, '', { id: changed })), true)
      }
      assert.equal(await under.store.claim(proofOf(under, '', { id })), true)
    },
  },
  {
    title: 'has the same identifier once, whoever uses it',
    async run(under) {
      assert.equal(await under.store.claim(proofOf(under, 'a')), true)
      assert.equal(await under.store.claim(proofOf(under, 'a', { owner: hash('other') })), false)
    },
  },
  {
    title:
      'full for one owner, refuses that one, goes on for others, and drops nothing that is live',
    limits: { maxEntriesPerOwner: 3 },
    async run(under) {
      const { store } = under
      const proofs = ['a', 'b', 'c'].map((id) => proofOf(under, id))
      for (const proof of proofs) assert.equal(await store.claim(proof), true)
      const { code } = await refusalOf(store.claim(proofOf(under, 'd')))
      assert.equal(code, 'ERR_POP_REPLAY_OWNER_FULL')
      for (const proof of proofs) assert.equal(await store.claim(proof), false)
      assert.equal(await store.claim(proofOf(under, 'd', { owner: hash('other') })), true)
    },
  },
  {
    title: 'that has lost everything accepts no proof of before, and those of after once',
    needs: 'forget',
    async run(under) {
      const { store, pass, forget } = under
      const used = proofOf(under, 'a')
      assert.equal(await store.claim(used), true)
      await pass(1)
      await forget?.()
      const refusal = await refusalOf(store.claim(used))
      assert.equal(refusal.code, 'ERR_POP_REPLAY_TOO_OLD')
      assert.ok((refusal.retryAfterSeconds ?? 0) >= 1)
      await pass(2)
      const late = proofOf(under, 'b')
      assert.equal(await store.claim(late), true)
      assert.equal(await store.claim(late), false)
    },
  },
  {
    title: 'whose server is gone says so within 300 ms',
    needs: 'stop',
    async run(under) {
      assert.equal(await under.store.claim(proofOf(under, 'a')), true)
      await under.stop?.()
      const startedAt = performance.now()
      await assert.rejects(under.store.claim(proofOf(under, 'b')))
      assert.ok(performance.now() - startedAt < 300)
    },
  },
]
