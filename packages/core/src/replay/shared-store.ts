import { randomInt } from 'node:crypto'
import { optionError } from '../errors.ts'
import { readOptions, wholeNumber } from '../option-readers.ts'
import { withinDeadline } from './deadline.ts'
import { asStoreError, ReplayStoreError, type ReplayEntry, type ReplayStore } from './store.ts'

export interface SharedStoreOptions {
  /** Live entries of one user, client or key at most, in the whole fleet. Default 100,000. */
  readonly maxEntriesPerOwner?: number
  /** How long the server may take to answer. Default 100. The verifier waits for 250 at most. */
  readonly deadlineMilliseconds?: number
  /** The clock, milliseconds. Default `Date.now`. */
  readonly now?: () => number
}

export const sharedStoreOptionNames = ['maxEntriesPerOwner', 'deadlineMilliseconds', 'now'] as const

/** What a server is asked about one proof, in one atomic step. */
export interface Question {
  /** 16 bytes each of the entry's hashes. */
  readonly id: Buffer
  readonly owner: Buffer
  /** No use of the proof was before this: seconds of this process's clock. */
  readonly issuedAt: number
  /** When the server may forget the entry: seconds of the server's own clock. */
  readonly forgetAt: number
  /** The latest time at which an answer counts: milliseconds of this process's clock. */
  readonly latest: number
  /** The server's clock may be so many milliseconds ahead of `latest`, or behind it. */
  readonly ahead: number
  readonly behind: number
  readonly maxEntriesPerOwner: number
  /** Of this question, and of no other of this store. The answer repeats it. */
  readonly number: number
}

/**
 * What the server says, in this order of precedence:
 *
 * - `clock`: the server's clock differs from `latest` by more than `ahead` or `behind`; the amount is
 *   the difference in milliseconds. Nothing was changed but that the server remembers how far ahead it was.
 * - `replay`: it knows the entry.
 * - `too-old`: its memory began after the proof was made, so that it cannot vouch for it; the
 *   amount is the first second, of this process's clock, for which it can.
 * - `owner-full`: the owner has `maxEntriesPerOwner` live entries.
 * - `first`: the entry has been added; the amount is the time, in milliseconds of this process's clock,
 *   from which it can vouch if it was asked before `latest`.
 */
export type Answer = readonly [
  status: 'first' | 'replay' | 'too-old' | 'owner-full' | 'clock',
  amount: number,
  number: number,
]

/** Clocks of the fleet and its server may differ by so many seconds. */
const clockToleranceSeconds = 30

/**
 * A replay store on a server that several processes share. What the processes and the server must
 * agree on is here; how a server does its step is in the package of that server.
 *
 * No clock is trusted alone. An entry lives on the server until `expiresAt` and the tolerance have
 * passed, and every answer is checked to come from a clock within that tolerance: so an entry is still
 * there for every process that would accept its proof. A server knows since when it remembers. The age
 * of that memory is a difference of two readings of one clock, so it holds for ours, too.
 *
 * @param where the function that the application called, for messages
 * @param ask runs the step on the server; may throw anything
 * @throws TypeError with `code` for wrong options
 */
export function createSharedStore(
  where: string,
  options: SharedStoreOptions,
  ask: (question: Question) => Promise<unknown>,
): ReplayStore {
  const own = readOptions(where, options, sharedStoreOptionNames)
  const { now = Date.now } = own
  const deadline = wholeNumber(`${where} deadlineMilliseconds`, own.deadlineMilliseconds, 100)
  if (deadline < 1 || deadline > 250) {
    throw optionError(
      'ERR_POP_OPTION_INVALID',
      `${where} deadlineMilliseconds must be from 1 to 250, for the verifier waits no longer`,
    )
  }
  if (typeof now !== 'function') {
    throw optionError('ERR_POP_OPTION_INVALID', `${where} now must be a function`)
  }
  const maxEntriesPerOwner = wholeNumber(
    `${where} maxEntriesPerOwner`,
    own.maxEntriesPerOwner,
    100_000,
  )
  const tolerance = clockToleranceSeconds * 1000
  // The server reads its clock at some time between the question and the deadline.
  const limits = { ahead: tolerance - deadline, behind: tolerance + deadline, maxEntriesPerOwner }

  // Several stores may share a connection.
  let number = randomInt(2 ** 47)

  return {
    async claim(entry: ReplayEntry): Promise<boolean> {
      number += 1
      const question: Question = {
        id: shorten(entry.id),
        owner: shorten(entry.owner),
        issuedAt: entry.issuedAt,
        forgetAt: entry.expiresAt + 1 + clockToleranceSeconds,
        latest: Math.ceil(now()) + deadline,
        number,
        ...limits,
      }
      const answer = await askInTime(deadline, () => ask(question))
      return judge(answer, question, now() - question.latest)
    },
  }
}

function shorten(hash: string): Buffer {
  return Buffer.from(hash, 'base64url').subarray(0, 16)
}

async function askInTime(deadline: number, ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await withinDeadline(deadline, ask)
  } catch (error) {
    throw asStoreError(error)
  }
}

/** @param late by how many milliseconds the answer came after `latest`, as in an event loop that was blocked */
function judge(answer: unknown, { issuedAt, number }: Question, late: number): boolean {
  const [status, amount, of] = Array.isArray(answer) ? (answer as readonly unknown[]) : []
  // A client whose connection has gone out of step hands on the answer to another question.
  if (typeof amount === 'number' && of === number) {
    if (status === 'first') {
      // The server may have been asked that much later, and have begun to remember that much later.
      const vouched = Math.ceil((amount + late) / 1000)
      if (late > 0 && issuedAt < vouched) throw tooOld(vouched - issuedAt)
      return true
    }
    if (status === 'replay') return false
    if (status === 'owner-full') throw new ReplayStoreError('ERR_POP_REPLAY_OWNER_FULL')
    if (status === 'too-old') throw tooOld(amount - issuedAt)
    if (status === 'clock') {
      const seconds = Math.abs(amount / 1000).toFixed(0)
      const way = amount > 0 ? 'ahead of' : 'behind'
      throw asStoreError(
        new Error(
          `the clock of the store is ${seconds} s ${way} that of this process: synchronise both (NTP)`,
        ),
      )
    }
  }
  throw asStoreError(
    new Error(
      'the answer is not to this question: the connection is out of step, or something else answers',
    ),
  )
}

function tooOld(seconds: number): ReplayStoreError {
  const retryAfterSeconds = Math.max(1, seconds)
  return new ReplayStoreError('ERR_POP_REPLAY_TOO_OLD', { retryAfterSeconds })
}
