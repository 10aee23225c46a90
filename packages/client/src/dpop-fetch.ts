import type { AccessTokenSource } from './access-token.ts'
import { rememberByOrigin } from './by-origin.ts'
import { readDpopAnswer } from './dpop-answer.ts'
import { createDpopProof, readDpopToken } from './dpop-proof.ts'
import {
  checkFetchOptions,
  checkTokenOption,
  createProvedFetch,
  type Fetch,
  type ProvedFetchOptions,
} from './proved-fetch.ts'
import { addHeaders } from './transport.ts'

export interface DpopFetchOptions extends ProvedFetchOptions {
  /**
   * `false` where there is none yet, as at the token endpoint of an authorization server: proofs then
   * have no `ath`, and an `Authorization` header of the caller stays.
   */
  readonly accessToken: AccessTokenSource | false
}

const optionNames = ['accessToken', 'key', 'fetch', 'now']

/**
 * Makes a `fetch` that sends the access token as `Authorization: DPoP <token>`, and with every request
 * a fresh proof in the header `DPoP`.
 *
 * The newest `DPoP-Nonce` of a server (of an origin), whatever its response, goes into the next proof
 * for it. When the server asks for a nonce (`use_dpop_nonce`: 401 of a resource server, 400 of an
 * authorization server) the request is sent once more with the one it gives. When our server finds the
 * proof too old or dated in the future, its `Date`, if it is at most a day off, becomes the clock for
 * its origin, and the request is sent once more. Nonces and clocks are all that is remembered from one
 * call to the next. A body that is a stream cannot be sent twice: `BodySentError`. Redirects are not
 * followed, because a proof is made for one URL: the response is the redirect itself, unless the
 * request says `redirect: 'error'`. An `Authorization` header of the caller is replaced.
 *
 * Does not refresh tokens, and sends the token wherever the caller points it.
 *
 * @example
 * const dpopFetch = createDpopFetch({ accessToken, key: await generateKeyPair({ algorithm: 'ES256' }) })
 * const response = await dpopFetch('https://api.example.com/photos')
 *
 * @see [RFC 9449 section 7.1, 8, 9](https://www.rfc-editor.org/rfc/rfc9449#section-7.1)
 * @throws TypeError for wrong options; the returned function rejects with it for a request that
 * cannot be signed, with `NonceLoopError` for a server that does not take the nonce it gave, with
 * `BodySentError`, and with whatever `fetch`, `accessToken` and `key` reject with
 */
export function createDpopFetch(options: DpopFetchOptions): Fetch {
  checkFetchOptions('createDpopFetch', options, optionNames)
  if (options.accessToken !== false) checkTokenOption('createDpopFetch', options.accessToken)
  const { accessToken: source, key } = options
  const nonces = rememberByOrigin<string>()

  return createProvedFetch(options, {
    needs: { body: false, form: false, move: false },
    lostBody: 'throw',
    async prove(outgoing, { nonce: given, now }) {
      const { method, url } = outgoing
      const accessToken = source === false ? undefined : await readDpopToken(source)
      const nonce = given ?? nonces.get(url)
      const proof = await createDpopProof({ method, url, accessToken, key, nonce, now })
      const authorization = accessToken !== undefined && { authorization: `DPoP ${accessToken}` }
      return addHeaders(outgoing, { ...authorization, dpop: proof })
    },
    async read(response, url) {
      const answer = await readDpopAnswer(response, source === false)
      if (answer.nonce !== undefined) nonces.set(url, answer.nonce)
      return answer
    },
  })
}
