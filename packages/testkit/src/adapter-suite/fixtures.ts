import type { AdapterOptions } from '@oauth-pop/core/node'
import { apiUrl, createHolders, signPop, type Holder } from '../builders.ts'
import { createClock, type FakeClock } from '../clock.ts'
import type { RawRequest } from '../raw-http.ts'

export type Claims = Readonly<Record<string, unknown>>

/** Requests as they go over the wire, valid until changed; each call signs anew. */
export interface Fixtures {
  readonly options: AdapterOptions
  readonly clock: FakeClock
  readonly signedByDpop: Holder
  readonly sign: (claims?: Claims) => string
  readonly request: (change?: Partial<RawRequest>, claims?: Claims) => RawRequest
  readonly withHeaders: (...more: readonly [string, string][]) => RawRequest['headers']
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
  const withHeaders = (...more: [string, string][]): RawRequest['headers'] => [
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

  return { options, clock, signedByDpop, sign, request, withHeaders, post }
}
