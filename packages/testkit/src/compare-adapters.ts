import type { AdapterOptions } from '@oauth-pop/core/node'
import { describe, expect, test } from 'vitest'
import { createFixtures } from './adapter-suite/fixtures.ts'
import { createGuarded } from './adapter-suite/guards.ts'
import type { AdapterHarness, AdapterServer, Route } from './adapter-suite/harness.ts'
import { listRefusals } from './adapter-suite/index.ts'
import { sendRaw, type RawRequest, type RawResponse } from './raw-http.ts'
import { loadVectors, momentsOf, vectorBody, vectorOptions, type VectorStep } from './vectors.ts'

/** The headers that a client's security depends on. */
const securityHeaders = [
  'authentication-info',
  'cache-control',
  'dpop-nonce',
  'referrer-policy',
  'retry-after',
  'www-authenticate',
]

/** What must not depend on the framework. */
interface Answer {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly closes: boolean
  readonly handled: number
}

type Hosts = Readonly<Record<string, AdapterHarness>>

/** Sends every vector and every refused scenario to all hosts; any difference between two fails. */
export function compareAdapters(hosts: Hosts): void {
  describe.each(['pop', 'dpop'] as const)('%s vectors', { tags: ['answer-alike'] }, (name) => {
    const suite = loadVectors(name)

    test.each(suite.cases)('$id $title', async (vector) => {
      const { config, steps } = vector
      const moments = momentsOf(vector, suite)
      const requests = steps.map((step) => () => {
        moments.enter(step)
        return { ...step.request, body: vectorBody(step.request) }
      })
      const answers = await askAll(hosts, requests, () => {
        moments.enter(steps[0] as VectorStep)
        return vectorOptions(suite.configs[config] as never, moments)
      })
      expect(answers).toEqual(allLikeFirst(answers))
    })
  })

  describe('scenarios', { tags: ['answer-alike'] }, () => {
    const fixtures = createFixtures()
    const { options } = fixtures

    test.each(listRefusals(fixtures))('%s', async (_, [build]) => {
      const answers = await askAll(hosts, [build], () => options)
      expect(answers).toEqual(allLikeFirst(answers))
    })

    test.each(Object.entries(createGuarded(fixtures)))(
      'guards: %s',
      async (_, { guards, build, optional }) => {
        const own = { ...options, optional: optional ?? false }
        const answers = await askAll(hosts, [build], () => own, { guards })
        expect(answers).toEqual(allLikeFirst(answers))
      },
    )
  })
}

type Answers = readonly (readonly [host: string, answers: readonly Answer[]])[]

/** All hosts with the answers of the first. */
function allLikeFirst(answers: Answers): Answers {
  return answers.map(([host]) => [host, answers[0]?.[1] ?? []])
}

async function askAll(
  hosts: Hosts,
  requests: readonly (() => RawRequest)[],
  createOptions: () => AdapterOptions,
  route?: Route,
): Promise<Answers> {
  const answers: [string, readonly Answer[]][] = []
  for (const [host, harness] of Object.entries(hosts)) {
    const server = await harness.start(createOptions(), route)
    try {
      answers.push([host, await ask(server, requests)])
    } finally {
      await server.close()
    }
  }
  return answers
}

async function ask(
  server: AdapterServer,
  requests: readonly (() => RawRequest)[],
): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  for (const build of requests) {
    const before = server.handled()
    const response = await sendRaw(server.port, build())
    answers.push(readAnswer(response, server.handled() - before))
  }
  return answers
}

function readAnswer({ status, headers }: RawResponse, handled: number): Answer {
  return {
    status,
    handled,
    closes: headers.some(([name, value]) => name === 'connection' && value === 'close'),
    headers: headers
      .filter(([name]) => securityHeaders.includes(name))
      .map(([name, value]): [string, string] => [name, withoutNonce(name, value)])
      .toSorted(([left], [right]) => left.localeCompare(right)),
  }
}

/** Every instance of a verifier has its own nonces. */
function withoutNonce(name: string, value: string): string {
  return name === 'dpop-nonce' ? '' : value.replace(/nonce="[^"]*"/, 'nonce=""')
}
