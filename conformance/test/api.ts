import { subscribe } from 'node:diagnostics_channel'
import {
  memoryReplayStore,
  type AccessToken,
  type PopErrorCode,
  type PopMiddlewareOptions,
} from '@oauth-pop/express'
import { challengesOf, sendRaw, type RawRequest } from '@oauth-pop/testkit'
import { afterEach } from 'vitest'
import { hosts } from '../../packages/express/test/hosts.ts'

/** What became of one request, on the wire and behind it. */
export interface Outcome {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly challenges: readonly string[]
  /** What the handler answered, or undefined if it has not run. */
  readonly handled: Readonly<Record<string, unknown>> | undefined
  /** The codes of all refusals. */
  readonly codes: readonly PopErrorCode[]
  readonly accessToken: AccessToken | undefined
}

type Event = Partial<Pick<Outcome, 'accessToken'>> & { readonly code?: PopErrorCode }

const events: Event[] = []
for (const channel of ['oauth-pop:accepted', 'oauth-pop:refused']) {
  subscribe(channel, (event) => void events.push(event as Event))
}

const closing: (() => Promise<void>)[] = []
afterEach(() => Promise.all(closing.splice(0).map((close) => close())))

/** A real Express 5 server that is closed after the test. Send it one request at a time. Its real clients sign in the second in which it starts. */
export async function startApi(
  options: PopMiddlewareOptions,
): Promise<(request: RawRequest) => Promise<Outcome>> {
  const { now = Date.now } = options
  const replay = memoryReplayStore({ restartGuard: 'off', now })
  const server = await hosts['Express 5']?.start({ replay, ...options })
  if (server === undefined) throw new Error('there is no such host')
  const { port, handled, close } = server
  closing.push(close)

  return async function send(request) {
    const before = handled()
    events.length = 0
    const response = await sendRaw(port, request)
    return {
      ...response,
      challenges: challengesOf(response),
      handled: handled() === before ? undefined : (JSON.parse(response.body) as object as {}),
      codes: events.flatMap(({ code }) => code ?? []),
      accessToken: events.find(({ accessToken }) => accessToken !== undefined)?.accessToken,
    }
  }
}

/** Named mutations, by the code that they lead to. */
export type Cases<T> = Partial<Record<PopErrorCode, Readonly<Record<string, T>>>>

export function listCases<T>(
  cases: Cases<T>,
): readonly (readonly [name: string, code: string, value: T])[] {
  return Object.entries(cases).flatMap(([code, named]) =>
    Object.entries(named).map(([name, value]) => [name, code, value] as const),
  )
}
