import { describe, expect, test } from 'vitest'
import { sendRaw } from '../raw-http.ts'
import {
  compareAnswer,
  loadVectors,
  momentsOf,
  requirementsOf,
  vectorBody,
  vectorOptions,
} from '../vectors.ts'
import type { AdapterHarness } from './harness.ts'

/** Sends every vector that adapters support, and compares the answer with the one it names. */
export function describeVectors(name: string, harness: AdapterHarness): void {
  describe.each(['pop', 'dpop'] as const)(`%s vectors through ${name}`, (suiteName) => {
    const suite = loadVectors(suiteName)

    suite.cases.forEach((vector) => {
      test(`${vector.id} ${vector.title}`, { tags: requirementsOf(vector) }, async () => {
        const { config, steps } = vector

        const moments = momentsOf(vector, suite)
        const server = await harness.start(vectorOptions(suite.configs[config] as never, moments))
        try {
          for (const [index, step] of steps.entries()) {
            moments.enter(step)
            const handledBefore = server.handled()
            const { status, headers, body } = await sendRaw(server.port, {
              ...step.request,
              body: vectorBody(step.request),
            })
            const accessToken: unknown =
              status === 200 && body !== '' ? JSON.parse(body) : undefined
            const isHead = step.request.method === 'HEAD'
            const expected = isHead ? { ...step.expect, accessToken: {} } : step.expect
            const differences = compareAnswer(expected, { status, headers, accessToken })
            const handled = server.handled() - handledBefore
            expect({ index, differences, handled }).toEqual({
              index,
              differences: [],
              handled: status === 200 ? 1 : 0,
            })
          }
        } finally {
          await server.close()
        }
      })
    })
  })
}
