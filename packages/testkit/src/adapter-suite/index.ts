import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendRaw } from '../raw-http.ts'
import { checkRefusal, watchRefusals } from './checks.ts'
import { createFixtures, type Fixtures } from './fixtures.ts'
import type { AdapterHarness, AdapterServer } from './harness.ts'
import type { Refusal, Subject, Suite } from './subject.ts'
import { describeVectors } from './vectors.ts'
import { answers } from './answers.ts'
import { bodies } from './bodies.ts'
import { certificates } from './certificates.ts'
import { credentials } from './credentials.ts'
import { formCredentials } from './form-credentials.ts'
import { guards } from './guards.ts'
import { hosts } from './hosts.ts'
import { metadata } from './metadata.ts'
import { methods } from './methods.ts'
import { optional } from './optional.ts'
import { outages } from './outages.ts'
import { queryCredentials } from './query-credentials.ts'
import { replay } from './replay.ts'
import { report } from './report.ts'
import { targets } from './targets.ts'

const subjects: readonly Subject[] = [
  credentials,
  queryCredentials,
  formCredentials,
  hosts,
  targets,
  methods,
  bodies,
  replay,
  guards,
  outages,
  certificates,
  optional,
  report,
  metadata,
  answers,
]

/** Runs all vectors and the scenarios of every subject against an adapter, over real sockets. */
export function describeAdapter(name: string, harness: AdapterHarness): void {
  describeVectors(name, harness)
  describe(`scenarios through ${name}`, () => {
    const fixtures = createFixtures()
    let server: AdapterServer
    const suite: Suite = { harness, fixtures, server: () => server }

    beforeAll(async () => {
      server = await harness.start(fixtures.options)
    })
    afterAll(async () => {
      await server.close()
    })

    describeRefusals(suite)
    subjects.forEach((subject) => subject.describe?.(suite))
  })
}

/** The refusals of every subject, with their titles. */
export function listRefusals(fixtures: Fixtures): readonly (readonly [title: string, Refusal])[] {
  return subjects.flatMap(({ refusals }) => Object.entries(refusals?.(fixtures) ?? {}))
}

function describeRefusals({ server, fixtures }: Suite): void {
  listRefusals(fixtures).forEach(([title, [build, status, code, requirements = []]]) => {
    test(`refuses ${title}`, { tags: [...requirements] }, async () => {
      const refused = await watchRefusals(async () => {
        const before = server().handled()
        const response = await sendRaw(server().port, build())
        expect(server().handled()).toBe(before)
        expect(response.status).toBe(status)
        checkRefusal(response, status)
        expect(JSON.stringify(response)).not.toMatch(/eyJ|evil|app\.example/)
      })
      expect(refused).toEqual([code])
    })
  })
}
