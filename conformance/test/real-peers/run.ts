import { loadVectors, sendRaw, vectorBody, type VectorCase } from '@oauth-pop/testkit'
import { vi } from 'vitest'
import { starts, type Config, type Start } from './servers.ts'

/** Configurations that the three can have alike: one place, JWTs of one issuer, no server nonces. */
const translated = ['dpop', 'dpop-bearer', 'default', 'typed', 'from-request', 'ipv6', 'idn']

export interface Outcome {
  readonly vector: VectorCase
  /** Which request of the case, from 1. */
  readonly step: number
  readonly expected: number
  readonly ours: number
  readonly auth0: number
  readonly oauth4webapi: number
}

/**
 * Cases with PoP requests in them, and one with a list of token algorithms that oauth4webapi would
 * apply to proofs as well.
 */
const leftOut = [
  'dpop-cross-001',
  'dpop-cross-003',
  'dpop-cross-004',
  'dpop-cross-006',
  'dpop-token-010',
]

const suite = loadVectors('dpop')

/** Sends every case that translates to all three, in the second that it was made for. */
export async function runVectors(): Promise<readonly Outcome[]> {
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    const outcomes: Outcome[] = []
    for (const vector of suite.cases) {
      if (!translated.includes(vector.config) || leftOut.includes(vector.id)) continue
      const [ours, auth0, oauth4webapi] = [
        await ask(vector, starts.ours),
        await ask(vector, starts.auth0),
        await ask(vector, starts.oauth4webapi),
      ]
      vector.steps.forEach(({ expect: { status } }, index) => {
        outcomes.push({
          vector,
          step: index + 1,
          expected: status,
          ours: ours[index] ?? 0,
          auth0: auth0[index] ?? 0,
          oauth4webapi: oauth4webapi[index] ?? 0,
        })
      })
    }
    return outcomes
  } finally {
    vi.useRealTimers()
  }
}

async function ask({ config, steps }: VectorCase, start: Start): Promise<readonly number[]> {
  vi.setSystemTime((steps[0]?.now ?? suite.now) * 1000)
  const server = await start(suite.configs[config] as unknown as Config, () => Date.now())
  const statuses: number[] = []
  try {
    for (const { now, request } of steps) {
      vi.setSystemTime((now ?? suite.now) * 1000)
      const { status } = await sendRaw(server.port, { ...request, body: vectorBody(request) })
      statuses.push(status)
    }
  } finally {
    await server.close()
  }
  return statuses
}
