import { countOf, longestOf, tally, type Answer, type Client } from './client.ts'
import type { Context } from './scenario.ts'

/** Requests per second while something is broken. */
export const rate = 200

/** What the verifier waits for a store at most, 250 ms, and what the machine may add. */
export const longestMs = 350

/** What clients are told while something cannot answer. */
export function checkDown(
  context: Context,
  when: string,
  answers: readonly Answer[],
  longest: number,
): void {
  checkRefused(context, when, answers)
  const waited = longestOf(answers)
  const figure = `${waited.toFixed(0)} ms`
  context.check(`${when}: none waits over ${longest} ms`, figure, waited <= longest)
}

export function checkRefused({ check }: Context, when: string, answers: readonly Answer[]): void {
  const refused = answers.filter(({ status, retryAfter }) => status === 503 && retryAfter)
  check(
    `${when}: all 503 with Retry-After`,
    `${tally(answers)}, ${refused.length} with Retry-After`,
    refused.length === answers.length,
  )
}

/** What they are told from now on, when it can: new proofs and used ones by turns. */
export async function checkBack(
  { check }: Pick<Context, 'check'>,
  client: Client,
  stream: Iterator<string>,
  old: readonly string[],
  seconds: number,
  perSecond = rate,
): Promise<void> {
  const back = performance.now()
  const after = await client.sendAtRate(alternate(stream, old), perSecond, seconds)
  const fresh = after.filter((_, index) => index % 2 === 0)
  const replayed = after.filter((_, index) => index % 2 === 1)
  const firstGood = fresh.find(({ status }) => status === 200)?.sentAt ?? Infinity
  const late = fresh.filter(({ sentAt }) => sentAt > back + 2000)
  check(
    'new proofs are accepted within 2 s of its return, and all from then on',
    `first after ${(firstGood - back).toFixed(0)} ms, after 2 s ${tally(late)}`,
    firstGood - back < 2000 && countOf(late, 200) === late.length,
  )
  checkReplays({ check }, replayed)
}

export function checkReplays({ check }: Pick<Context, 'check'>, replayed: readonly Answer[]): void {
  const again = countOf(replayed, 200)
  check('replays accepted: 0', `${again} (${tally(replayed)})`, again === 0)
}

function* alternate(fresh: Iterator<string>, old: readonly string[]): Generator<string, never> {
  for (let index = 0; ; index += 1) {
    yield fresh.next().value as string
    yield old[index % old.length] as string
  }
}
