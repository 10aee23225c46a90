import type { AccessTokenSource } from './access-token.ts'
import { readNonceChallenge } from './challenge.ts'
import { checkCoverage, type Coverage } from './coverage.ts'
import { canSendAgain, readOutgoing, type Outgoing } from './outgoing-request.ts'
import { signPopRequest } from './pop-request.ts'
import type { ProofKeySource } from './proof-key.ts'
import { sendProved } from './send-proved.ts'
import { createServerClocks } from './server-clock.ts'
import { queryNames } from './signed-query.ts'
import { addCredential, transports, type Transport } from './transport.ts'

/** The standard `fetch`. */
export type Fetch = typeof globalThis.fetch

export interface PopFetchOptions {
  readonly accessToken: AccessTokenSource
  readonly key: ProofKeySource
  /**
   * What to sign besides method, host and path. One fetch serves many requests, so names that a
   * request does not have are left out; a server that needs them signed says so with a 401. A form
   * that carries the credential cannot have its body covered.
   */
  readonly cover?: Coverage | undefined
  /** Where the credential travels. Default `'header'`. */
  readonly transport?: Transport | undefined
  /** Sends the signed request. Default the global `fetch`. */
  readonly fetch?: Fetch | undefined
  /** The clock, in milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

const optionNames = ['accessToken', 'key', 'cover', 'transport', 'fetch', 'now']

/**
 * Makes a `fetch` that signs every request with a fresh proof.
 *
 * Redirects are not followed, because a proof is made for one URL: the response is the redirect
 * itself, unless the request says `redirect: 'error'`. When the server asks for its nonce (401,
 * `use_pop_nonce`) the request is sent once more with it. When our server finds the proof too old or
 * dated in the future, its `Date`, if it is at most a day off, becomes the clock for its origin, and
 * the request is sent once more; that is all that is remembered from one call to the next. A body
 * that is a stream cannot be sent twice, so its caller gets the 401. An `Authorization` header of the
 * caller is replaced.
 *
 * Does not refresh tokens, and sends the token wherever the caller points it.
 *
 * @example
 * const popFetch = createPopFetch({ accessToken, key: await generateKeyPair({ algorithm: 'ES256' }) })
 * const response = await popFetch('https://api.example.com/photos')
 *
 * @throws TypeError for wrong options; the returned function rejects with it for a request that
 * cannot be signed or covered as asked, with `NonceLoopError` for a server that does not take the
 * nonce it gave, and with whatever `fetch`, `accessToken` and `key` reject with
 */
export function createPopFetch(options: PopFetchOptions): Fetch {
  checkOptions(options)
  const { accessToken, key, cover = {}, transport = 'header' } = options
  // Looked up late, so that instrumentation which replaces the global one is honoured.
  const send: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
  const clockOf = createServerClocks(options.now ?? Date.now, 'pop')
  const needs = {
    body: cover.body === true,
    form: transport === 'form',
    move: transport === 'query',
  }

  return async function popFetch(input, init) {
    const outgoing = await (init instanceof Request
      ? readOutgoing(new Request(input, init), {}, needs)
      : readOutgoing(input, init ?? {}, needs))
    const own = presentNames(cover, outgoing)
    const clock = clockOf(outgoing.url)
    return sendProved({
      async prove(nonce) {
        const signing = signPopRequest({
          ...outgoing,
          accessToken,
          key,
          cover: own,
          nonce,
          now: clock.now,
        })
        const credential = await untilAborted(signing, outgoing.signal)
        return addCredential(outgoing, transport, credential)
      },
      send,
      canSendAgain: canSendAgain(outgoing),
      clock,
      readNonce: readNonceChallenge,
    })
  }
}

function checkOptions(options: PopFetchOptions): void {
  const unknown = Object.keys(options ?? {}).find((name) => !optionNames.includes(name))
  if (unknown !== undefined) {
    throw new TypeError(`createPopFetch has no option ${JSON.stringify(unknown)}`)
  }
  const { accessToken, key, cover, transport = 'header', fetch: send, now } = options ?? {}
  if (!accessToken) throw new TypeError('createPopFetch needs an accessToken')
  if (typeof accessToken !== 'string' && typeof accessToken !== 'function')
    throw new TypeError('accessToken must be a string, or a function that finds it')
  if (!key) throw new TypeError('createPopFetch needs a key')
  if (send !== undefined && typeof send !== 'function')
    throw new TypeError('fetch must be a function')
  if (now !== undefined && typeof now !== 'function')
    throw new TypeError('now must be a function that gives milliseconds')
  if (!transports.includes(transport))
    throw new TypeError("transport must be 'header', 'form' or 'query'")
  if (cover !== undefined) checkCoverage(cover)
  if (transport === 'form' && cover?.body !== undefined)
    throw new TypeError('a form that carries the credential cannot have its body covered')
}

/** Waits no longer than the caller, for token, key and signature. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
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

/** Narrows the coverage to what this request has. */
function presentNames(cover: Coverage, { headers, url }: Outgoing): Coverage {
  const { query, headers: names, body } = cover
  const inUrl = queryNames(new URL(url).search.slice(1))
  const inQuery = query === true ? query : query?.filter((name) => inUrl.includes(name))
  const inHeaders = names?.filter((name) => headers.has(name))
  return {
    ...(inQuery !== undefined && (inQuery === true || inQuery.length > 0) && { query: inQuery }),
    ...(inHeaders !== undefined && inHeaders.length > 0 && { headers: inHeaders }),
    ...(body !== undefined && { body }),
  }
}
