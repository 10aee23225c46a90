import type { TokenResolver } from '@oauth-pop/core'
import { createHolders, signPop } from './builders.ts'
import type { RawRequest, RawResponse } from './raw-http.ts'

type Claims = Readonly<Record<string, unknown>>

/** Requests of one holder, signed at the real time, for servers that a test wires by itself. */
export interface Requests {
  readonly tokens: TokenResolver
  /** A proof for these claims, to be carried wherever the test wants. */
  readonly sign: (claims?: Claims) => string
  /** `GET /items` unless changed; the proof names the method and the path that are sent. */
  readonly signed: (claims?: Claims, change?: Partial<RawRequest>) => RawRequest
  readonly signedPost: (type: string, body: string, claims?: Claims) => RawRequest
  /** The proof travels in the form: `build` gets it and answers the body. */
  readonly form: (build: (proof: string) => string) => RawRequest
  /** The proof travels in the URL. */
  readonly inQuery: () => RawRequest
  readonly anonymous: (change?: Partial<RawRequest>) => RawRequest
}

export function createRequests(): Requests {
  const { holder, tokens } = createHolders()
  const alice = holder()
  const host = ['Host', 'api.example.com'] as const

  // A second ahead: the memory store refuses proofs of the second in which a server starts.
  const sign = (claims: Claims = {}): string =>
    signPop(alice, Math.floor(Date.now() / 1000) + 1, claims)

  function signed(claims: Claims = {}, change: Partial<RawRequest> = {}): RawRequest {
    const { method = 'GET', target = '/items', headers = [], ...rest } = change
    const proof = sign({ m: method, p: target.split('?')[0], ...claims })
    return {
      method,
      target,
      ...rest,
      headers: [host, ['Authorization', `PoP ${proof}`], ...headers],
    }
  }

  return {
    tokens,
    sign,
    signed,
    signedPost(type, body, claims) {
      const headers = [['Content-Type', type]] as const
      return signed(claims, { method: 'POST', headers, body: Buffer.from(body) })
    },
    form(build) {
      return {
        method: 'POST',
        target: '/items',
        headers: [host, ['Content-Type', 'application/x-www-form-urlencoded']],
        body: Buffer.from(build(sign({ m: 'POST' }))),
      }
    },
    inQuery: () => ({
      method: 'GET',
      target: `/items?pop_access_token=${sign()}`,
      headers: [host],
    }),
    anonymous(change = {}) {
      const { headers = [], ...rest } = change
      return { method: 'GET', target: '/items', ...rest, headers: [host, ...headers] }
    },
  }
}

/** The challenges of a response, as sent. */
export function challengesOf({ headers }: RawResponse): readonly string[] {
  return headers.filter(([name]) => name === 'www-authenticate').map(([, value]) => value)
}

/**
 * Where a credential is optional on `/feed` and required on `/items`: the statuses of an anonymous request
 * to each, of one proof twice and of a bad one on `/feed`, and of a good one on `/items`.
 */
export async function askFeedAndItems(
  send: (request: RawRequest) => Promise<RawResponse>,
  { signed, anonymous }: Pick<Requests, 'signed' | 'anonymous'>,
): Promise<readonly number[]> {
  const feed = { target: '/feed' }
  const once = signed({}, feed)
  const bad = signed({ p: '/other' }, feed)
  const statuses: number[] = []
  for (const request of [anonymous(feed), anonymous(), once, once, bad, signed()])
    statuses.push((await send(request)).status)
  return statuses
}
