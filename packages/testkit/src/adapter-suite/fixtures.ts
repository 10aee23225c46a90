import type { AdapterOptions } from '@oauth-pop/core/node'
import { apiUrl, createHolders, signDpop, signPop, type Holder } from '../builders.ts'
import { createClock, type FakeClock } from '../clock.ts'
import type { RawRequest } from '../raw-http.ts'

export type Claims = Readonly<Record<string, unknown>>

/** Requests as they go over the wire, valid until changed; each call signs anew. */
export interface Fixtures {
  readonly options: AdapterOptions
  readonly clock: FakeClock
  readonly signedByDpop: Holder
  /** A request by PoP or DPoP with a token of its own, which has these claims. */
  readonly requestOf: (token: Claims, scheme?: 'PoP' | 'DPoP') => RawRequest
  readonly sign: (claims?: Claims) => string
  readonly request: (change?: Partial<RawRequest>, claims?: Claims) => RawRequest
  readonly withHeaders: (...more: readonly (readonly [string, string])[]) => RawRequest['headers']
  readonly post: (body: Uint8Array, claims: Claims, change?: Partial<RawRequest>) => RawRequest
}

export function createFixtures(): Fixtures {
  const { holder, tokens } = createHolders()
  const clock: FakeClock = createClock()
  const options: AdapterOptions = {
    publicUrl: apiUrl,
    tokens,
    now: clock.now,
    maxBodyBytes: 1000,
  }
  const alice = holder()
  const signedByDpop = holder('jkt')

  const sign = (claims: Claims = {}): string => signPop(alice, clock.seconds(), claims)
  const request = (change: Partial<RawRequest> = {}, claims: Claims = {}): RawRequest => ({
    method: 'GET',
    target: '/items',
    ...change,
    headers: change.headers ?? [
      ['Host', 'api.example.com'],
      ['Authorization', `PoP ${sign(claims)}`],
    ],
  })
  const withHeaders = (...more: readonly (readonly [string, string])[]): RawRequest['headers'] => [
    ['Host', 'api.example.com'],
    ...more,
  ]
  const post = (
    body: Uint8Array,
    claims: Claims,
    change: Partial<RawRequest> = {},
  ): RawRequest => ({
    ...request({ method: 'POST' }, { m: 'POST', ...claims }),
    body,
    ...change,
  })

  function requestOf(token: Claims, scheme: 'PoP' | 'DPoP' = 'PoP'): RawRequest {
    const own = holder(scheme === 'PoP' ? 'jwk' : 'jkt', token)
    const credential = scheme === 'PoP' ? signPop(own, clock.seconds()) : own.accessToken
    const proof = scheme === 'PoP' ? [] : [['DPoP', signDpop(own, clock.seconds())] as const]
    const headers = withHeaders(['Authorization', `${scheme} ${credential}`], ...proof)
    return request({ headers })
  }

  return { options, clock, signedByDpop, requestOf, sign, request, withHeaders, post }
}
