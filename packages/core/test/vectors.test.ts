import { createVerifier, PopError, type HttpRequest, type Verifier } from '@oauth-pop/core'
import {
  compareAnswer,
  isSupported,
  loadVectors,
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
  const supported = suite.cases.filter(({ config }) => isSupported(suite.configs[config] as never))

  test('has no case but those that need mtls() left out', () => {
    const left = suite.cases.length - supported.length
    console.log(`${name}.json: ${supported.length} of ${suite.cases.length} cases run`)
    expect(left).toBe(name === 'pop' ? 0 : 15)
  })

  supported.forEach((vector) => {
    test(`${vector.id} ${vector.title}`, { tags: requirementsOf(vector) }, async () => {
      const { config, steps } = vector

      let now = steps[0]?.now ?? suite.now
      const verifier = createVerifier(
        vectorOptions(suite.configs[config] as never, () => now * 1000),
      )
      for (const [index, step] of steps.entries()) {
        now = step.now ?? suite.now
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
