import { createVerifier, PopError, type HttpRequest, type Verifier } from '@oauth-pop/core'
import {
  compareAnswer,
  loadVectors,
  momentsOf,
  requirementsOf,
  vectorBody,
  vectorOptions,
  type VectorAnswer,
  type VectorRequest,
} from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'
import { vectorCases } from '../../../conformance/requirements/vector-cases.ts'

test('every case that a requirement names exists', () => {
  const ids = ['pop', 'dpop'].flatMap((name) =>
    loadVectors(name as 'pop').cases.map(({ id }) => id),
  )
  const named = Object.values(vectorCases).flat()
  expect(named.filter((id) => !ids.includes(id))).toEqual([])
})

describe.each(['pop', 'dpop'] as const)('%s vectors through the core', (name) => {
  const suite = loadVectors(name)

  suite.cases.forEach((vector) => {
    test(`${vector.id} ${vector.title}`, { tags: requirementsOf(vector) }, async () => {
      const { config, steps } = vector

      const moments = momentsOf(vector, suite)
      const verifier = createVerifier(vectorOptions(suite.configs[config] as never, moments))
      for (const [index, step] of steps.entries()) {
        moments.enter(step)
        const answer = await ask(verifier, step.request)
        expect({ step: index, differences: compareAnswer(step.expect, answer) }).toEqual({
          step: index,
          differences: [],
        })
      }
    })
  })
})

async function ask(verifier: Verifier, request: VectorRequest): Promise<VectorAnswer> {
  try {
    const { accessToken, responseHeaders } = await verifier.verify(toHttpRequest(request))
    return { status: 200, headers: responseHeaders, accessToken }
  } catch (error) {
    if (!(error instanceof PopError)) throw error
    const headers = Object.entries(error.headers).flatMap(([name, value]) =>
      [value].flat().map((line): [string, string] => [name, String(line)]),
    )
    return { status: error.status, headers }
  }
}

function toHttpRequest(request: VectorRequest): HttpRequest {
  const body = vectorBody(request) ?? Buffer.alloc(0)
  const host = request.headers.find(([name]) => name.toLowerCase() === 'host')?.[1]
  return {
    method: request.method,
    target: request.target,
    rawHeaders: request.headers.flat(),
    origin: `http://${host}`,
    body: async () => body,
  }
}
