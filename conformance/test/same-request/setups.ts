import type { TokenResolver } from '@oauth-pop/core'
import { pop, dpop } from '@oauth-pop/express'
import { mountedHosts, rootHosts, type Running, type Start } from './hosts.ts'

/** One server and what clients know of it. */
export interface Setup {
  readonly name: string
  /** The names that clients may sign. */
  readonly hosts: readonly string[]
  /** The path of the application on its server. */
  readonly mount: '' | '/billing'
  readonly uncoveredQuery: 'allow' | 'reject'
  /** A proxy in front says the name that the client used. */
  readonly isForwarded: boolean
  readonly maxHeadersCount?: number
  readonly start: Start
}

export type Kind = 'allow' | 'reject' | 'tenants' | 'forwarded' | 'mounted'

const plain = {
  hosts: ['api.example.com'],
  mount: '',
  uncoveredQuery: 'allow',
  isForwarded: false,
} as const

function each(
  hosts: Readonly<Record<string, Start>>,
  suffix: string,
  change: Partial<Setup>,
): readonly Setup[] {
  return Object.entries(hosts).map(([name, start]) => ({
    ...plain,
    ...change,
    name: suffix === '' ? name : `${name}, ${suffix}`,
    start,
  }))
}

// The router alone has no framework to believe a proxy, and one query parser is enough to see a host.
const {
  'find-my-way 9.8': _router,
  'Express 5 simple': _five,
  'Express 4 simple': _four,
  ...whole
} = rootHosts

export const setups: Readonly<Record<Kind, readonly Setup[]>> = {
  allow: each(rootHosts, 'unsigned allowed', {}),
  reject: each(rootHosts, 'all signed', { uncoveredQuery: 'reject', maxHeadersCount: 64 }),
  tenants: each(whole, 'two names', { hosts: ['a.example.com', 'b.example.com'] }),
  forwarded: each(whole, 'behind a proxy', { isForwarded: true }),
  mounted: each(mountedHosts, '', { mount: '/billing' }),
}

/** Starts the server. `nowSeconds` is when all proofs are made. */
export function startSetup(
  { start, hosts, uncoveredQuery, isForwarded, maxHeadersCount }: Setup,
  tokens: TokenResolver,
  nowSeconds: number,
): Promise<Running> {
  return start({
    options: {
      publicUrl: isForwarded ? 'request' : hosts.map((host) => `https://${host}`),
      tokens,
      schemes: [
        pop({ uncoveredQuery, path: uncoveredQuery === 'allow' ? 'lenient' : 'exact' }),
        dpop(),
      ],
      replay: 'dangerously-none',
      now: () => nowSeconds * 1000,
      // Whoever signs nothing shows how the host reads what another one signs.
      optional: true,
    },
    trustProxy: isForwarded,
    maxHeadersCount,
  })
}
