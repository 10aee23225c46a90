import type { AccessTokenSource } from './access-token.ts'
import { readPopAnswer } from './challenge.ts'
import { checkCoverage, type Coverage } from './coverage.ts'
import type { Outgoing } from './outgoing-request.ts'
import { signPopRequest } from './pop-request.ts'
import {
  checkFetchOptions,
  checkTokenOption,
  createProvedFetch,
  type Fetch,
  type ProvedFetchOptions,
} from './proved-fetch.ts'
import { queryNames } from './signed-query.ts'
import { addCredential, transports, type Transport } from './transport.ts'

export interface PopFetchOptions extends ProvedFetchOptions {
  readonly accessToken: AccessTokenSource
  /**
   * What to sign besides method, host and path. One fetch serves many requests, so names that a
   * request does not have are left out; a server that needs them signed says so with a 401. A form
   * that carries the credential cannot have its body covered.
   */
  readonly cover?: Coverage | undefined
  /** Where the credential travels. Default `'header'`. */
  readonly transport?: Transport | undefined
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

  return createProvedFetch(options, {
    needs: {
      body: cover.body === true,
      form: transport === 'form',
      move: transport === 'query',
    },
    lostBody: 'return',
    async prove(outgoing, proof) {
      const own = presentNames(cover, outgoing)
      const signing = { ...outgoing, accessToken, key, cover: own, ...proof }
      return addCredential(outgoing, transport, await signPopRequest(signing))
    },
    read: readPopAnswer,
  })
}

function checkOptions(options: PopFetchOptions): void {
  checkFetchOptions('createPopFetch', options, optionNames)
  checkTokenOption('createPopFetch', options.accessToken)
  const { cover, transport = 'header' } = options
  if (!transports.includes(transport))
    throw new TypeError("transport must be 'header', 'form' or 'query'")
  if (cover !== undefined) checkCoverage(cover)
  if (transport === 'form' && cover?.body !== undefined)
    throw new TypeError('a form that carries the credential cannot have its body covered')
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
