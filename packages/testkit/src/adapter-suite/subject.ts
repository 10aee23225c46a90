import type { TestTags } from 'vitest'
import type { PopErrorCode } from '@oauth-pop/core'
import type { RawRequest } from '../raw-http.ts'
import type { Fixtures } from './fixtures.ts'
import type { AdapterHarness, AdapterServer } from './harness.ts'

/** The requirements that a test proves. */
export type Requirements = readonly TestTags['requirement'][]

/** A request, the status it gets, the code of the refusal, and the requirements that this proves. */
export type Refusal = readonly [
  build: () => RawRequest,
  status: number,
  code: PopErrorCode,
  requirements?: Requirements,
]

/** What the tests of a subject work with. */
export interface Suite {
  readonly harness: AdapterHarness
  /** The server with the options of the fixtures; runs while tests run, not yet while they are described. */
  readonly server: () => AdapterServer
  readonly fixtures: Fixtures
}

/** What the suite checks about one thing: a file each, listed in `index.ts`. */
export interface Subject {
  /** One change each, away from a valid request; every adapter must answer it alike. */
  readonly refusals?: (fixtures: Fixtures) => Readonly<Record<string, Refusal>>
  /** Describes the tests that are no plain refusal. */
  readonly describe?: (suite: Suite) => void
}
