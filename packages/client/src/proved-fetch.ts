import { BodySentError, NonceLoopError, type Answer } from './challenge.ts'
import { canSendAgain, readOutgoing, type Needs, type Outgoing } from './outgoing-request.ts'
import type { ProofKeySource } from './proof-key.ts'
import { createServerClocks } from './server-clock.ts'
import type { FetchArguments } from './transport.ts'

/** The standard `fetch`. */
export type Fetch = typeof globalThis.fetch

/** What every fetch that proves takes. */
export interface ProvedFetchOptions {
  readonly key: ProofKeySource
  /** Sends the signed request. Default the global `fetch`. */
  readonly fetch?: Fetch | undefined
  /** The clock, in milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/** In what the fetch of one scheme differs from that of another. */
export interface FetchScheme {
  readonly needs: Needs
  /** What becomes of a refusal that a fresh proof could mend, when the body is gone. */
  readonly lostBody: 'return' | 'throw'
  /** The request with a fresh proof; the nonce is the one that the last response to it gave. */
  prove(
    outgoing: Outgoing,
    proof: { readonly nonce: string | undefined; readonly now: () => number },
  ): Promise<FetchArguments>
  read(response: Response, url: string): Answer | Promise<Answer>
}

/**
 * Makes a `fetch` that puts a fresh proof on every request, and sends it again when another proof can
 * mend the refusal: once for a nonce and once for a clock that is wrong, so three times at most.
 *
 * @throws TypeError from the returned function for a request that cannot be signed; NonceLoopError
 * when the server asks for a nonce again; BodySentError
 */
export function createProvedFetch(options: ProvedFetchOptions, scheme: FetchScheme): Fetch {
  // Looked up late, so that instrumentation which replaces the global one is honoured.
  const send: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
  const clockOf = createServerClocks(options.now ?? Date.now)

  return async function provedFetch(input, init) {
    const outgoing = await (init instanceof Request
      ? readOutgoing(new Request(input, init), {}, scheme.needs)
      : readOutgoing(input, init ?? {}, scheme.needs))
    const { url, signal } = outgoing
    const clock = clockOf(url)
    const isLost = !canSendAgain(outgoing)
    let nonce: string | undefined
    let isAnswered = false
    for (;;) {
      const proving = scheme.prove(outgoing, { nonce, now: clock.now })
      const response = checkResponse(await send(...(await untilAborted(proving, signal))))
      const answer = await untilAborted(scheme.read(response, url), signal)
      if (answer.asksForNonce && isAnswered) throw new NonceLoopError(response)
      if (isLost && scheme.lostBody === 'return') return response
      if (!answer.asksForNonce && !clock.learn(response, answer.description)) return response
      if (isLost) throw new BodySentError(response)
      nonce = answer.nonce ?? nonce
      isAnswered ||= answer.asksForNonce
      await response.body?.cancel()
    }
  }
}

/** A `fetch` of the caller's may be anything. */
function checkResponse(response: Response | undefined): Response {
  if (typeof response?.status === 'number' && typeof response.headers?.get === 'function')
    return response
  throw new TypeError('fetch must resolve to a Response')
}

/** Waits no longer than the caller, for token, key, signature and answer. */
async function untilAborted<T>(work: T | Promise<T>, signal: AbortSignal): Promise<T> {
  let giveUp = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal.reason as Error)
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

/**
 * Refuses the wrong options that every scheme knows.
 *
 * @throws TypeError
 */
export function checkFetchOptions(
  name: string,
  options: ProvedFetchOptions | undefined,
  optionNames: readonly string[],
): void {
  const unknown = Object.keys(options ?? {}).find((option) => !optionNames.includes(option))
  if (unknown !== undefined) throw new TypeError(`${name} has no option ${JSON.stringify(unknown)}`)
  const { key, fetch: send, now } = options ?? {}
  if (!key) throw new TypeError(`${name} needs a key`)
  if (send !== undefined && typeof send !== 'function')
    throw new TypeError('fetch must be a function')
  if (now !== undefined && typeof now !== 'function')
    throw new TypeError('now must be a function that gives milliseconds')
}

export function checkTokenOption(name: string, accessToken: unknown): void {
  if (!accessToken) throw new TypeError(`${name} needs an accessToken`)
  if (typeof accessToken !== 'string' && typeof accessToken !== 'function')
    throw new TypeError('accessToken must be a string, or a function that finds it')
}
