import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { TestTags } from 'vitest'
import {
  bearer,
  dpop,
  introspectedTokens,
  jwtTokens,
  memoryReplayStore,
  mtls,
  pop,
  storedTokens,
  type DpopOptions,
  type Jwk,
  type PopOptions,
  type Scheme,
  type TokenResolver,
  type VerifierOptions,
} from '@oauth-pop/core'
import { vectorCases } from '../../../conformance/requirements/vector-cases.ts'

/** A suite of complete requests with their outcomes: `conformance/vectors/README.md` has the format. */
export interface VectorSuite {
  readonly suite: string
  readonly now: number
  readonly configs: Readonly<Record<string, VectorConfig>>
  readonly cases: readonly VectorCase[]
}

export interface VectorCase {
  readonly id: string
  readonly title: string
  readonly source: readonly string[]
  readonly config: string
  readonly steps: readonly VectorStep[]
}

export interface VectorStep {
  readonly now?: number
  readonly request: VectorRequest
  readonly expect: VectorExpectation
}

export interface VectorRequest {
  readonly method: string
  readonly target: string
  /** Each character is one octet on the wire. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body?: string
  readonly bodyBase64?: string
  /** DER in base64. */
  readonly clientCertificate?: string
}

export interface VectorExpectation {
  readonly status: number
  readonly error?: string | null
  readonly challenges?: readonly string[]
  readonly algs?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly accessToken?: Readonly<Record<string, unknown>>
}

interface VectorTokens {
  readonly type: 'jwt' | 'introspection' | 'stored'
  readonly audience: string
  readonly responses?: Readonly<Record<string, object>>
  readonly records?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly keyMember?: string
}

interface VectorScheme {
  readonly scheme: string
  readonly options?: Readonly<Record<string, unknown>> & {
    readonly resolveKey?: { readonly jwk: Jwk }
  }
}

interface VectorConfig {
  readonly tokens: VectorTokens | readonly VectorTokens[]
  readonly schemes?: readonly VectorScheme[]
  readonly publicUrl: string | readonly string[]
}

/** What came back, as the checks need it. */
export interface VectorAnswer {
  readonly status: number
  /** Lower-case names, in order, duplicates kept. */
  readonly headers: readonly (readonly [string, string])[]
  /** The handler's JSON, when it ran. */
  readonly accessToken?: unknown
}

/** Reads a suite of `conformance/vectors`. */
export function loadVectors(suite: 'pop' | 'dpop'): VectorSuite {
  const file = new URL(`../../../conformance/vectors/${suite}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as VectorSuite
}

/** The requirements that a case proves: attacks that it names as its source, and those that name it. */
export function requirementsOf({ id, source }: VectorCase): TestTags['requirement'][] {
  const lists = source.flatMap((text) => /^security\.md attack ([\d, ]+)$/.exec(text)?.[1] ?? [])
  const attacks = lists.flatMap((list) => list.split(', '))
  return [
    ...attacks.map((attack) => `attack-${attack}` as TestTags['requirement']),
    ...provenBy(id),
  ]
}

function provenBy(id: string): TestTags['requirement'][] {
  const proven = Object.entries(vectorCases).filter(([, cases]) => cases.includes(id))
  return proven.map(([requirement]) => requirement as TestTags['requirement'])
}

/** What a verifier of vectors asks of the step that runs. */
export interface VectorMoment {
  /** Milliseconds. */
  readonly now: () => number
  /** The certificate of the client, as DER. */
  readonly certificate: () => Uint8Array | undefined
}

/** Walks through the steps of a case: the clock and the certificate are those of the step it is at. */
export function momentsOf(
  { steps }: VectorCase,
  suite: VectorSuite,
): VectorMoment & {
  readonly enter: (step: VectorStep) => void
} {
  let [current] = steps
  return {
    enter: (step) => void (current = step),
    now: () => (current?.now ?? suite.now) * 1000,
    certificate: () => {
      const text = current?.request.clientCertificate
      return text === undefined ? undefined : Buffer.from(text, 'base64')
    },
  }
}

/** The verifier options that a configuration stands for. */
export function vectorOptions(
  config: VectorConfig,
  { now, certificate }: VectorMoment,
): VerifierOptions {
  const { tokens, schemes, ...rest } = config
  const list = Array.isArray(tokens)
    ? (tokens as readonly VectorTokens[])
    : [tokens as VectorTokens]
  return {
    ...rest,
    tokens: list.map(createResolver),
    ...(schemes && { schemes: schemes.map((scheme) => toScheme(scheme, certificate)) }),
    replay: memoryReplayStore({ restartGuard: 'off', now }),
    now,
  }
}

function toScheme(
  { scheme, options }: VectorScheme,
  certificate: VectorMoment['certificate'],
): Scheme {
  if (scheme === 'pop') return pop(readPopOptions(options))
  if (scheme === 'dpop') return dpop(options as DpopOptions | undefined)
  if (scheme === 'mtls') return mtls({ certificate })
  if (scheme === 'bearer') return bearer()
  throw new Error(`no scheme ${scheme}`)
}

function readPopOptions(options: VectorScheme['options'] = {}): PopOptions {
  const { resolveKey, ...rest } = options
  return resolveKey === undefined ? rest : { ...rest, resolveKey: async () => resolveKey.jwk }
}

function createResolver({
  type,
  responses = {},
  records = {},
  ...options
}: VectorTokens): TokenResolver {
  if (type === 'jwt') return jwtTokens(options as unknown as Parameters<typeof jwtTokens>[0])
  if (type === 'stored') {
    const byHash = new Map(
      Object.entries(records).map(([token, record]) => [sha256Hex(token), record]),
    )
    return storedTokens((hash) => byHash.get(hash), options)
  }
  return introspectedTokens({
    ...options,
    endpoint: 'https://as.example.com/introspect',
    clientId: 'api',
    clientSecret: 'secret',
    fetch: async (_url, init) => {
      const token = new URLSearchParams(init?.body as URLSearchParams).get('token') ?? ''
      return Response.json(Object.hasOwn(responses, token) ? responses[token] : { active: false })
    },
  })
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The bytes of a request's body; undefined when it has none. */
export function vectorBody({ body, bodyBase64 }: VectorRequest): Buffer | undefined {
  if (bodyBase64 !== undefined) return Buffer.from(bodyBase64, 'base64')
  return body === undefined ? undefined : Buffer.from(body)
}

/** Every difference between an answer and what a case and the README of the vectors expect. */
export function compareAnswer(
  expected: VectorExpectation,
  answer: VectorAnswer,
): readonly string[] {
  const challenges = linesOf(answer, 'www-authenticate').map(parseChallenge)
  const [error = null] = challenges.flatMap(({ parameters }) => parameters.get('error') ?? [])
  return [
    ...differ('status', answer.status, expected.status),
    ...(expected.error === undefined ? [] : differ('error', error, expected.error)),
    ...(expected.challenges === undefined
      ? []
      : differ(
          'challenges',
          challenges.map(({ name }) => name),
          expected.challenges,
        )),
    ...Object.entries(expected.headers ?? {}).flatMap(([name, value]) =>
      differ(name, linesOf(answer, name), [value]),
    ),
    ...(expected.algs === undefined ? [] : differAlgs(challenges, expected.algs)),
    ...compareMembers('accessToken', expected.accessToken ?? {}, answer.accessToken),
    ...(answer.status === 200 ? [] : compareRefusal(challenges, error, answer)),
  ]
}

interface Challenge {
  readonly name: string
  readonly parameters: ReadonlyMap<string, string>
}

function parseChallenge(line: string): Challenge {
  const [, name = '', rest = ''] = /^(\S+) (.*)$/.exec(line) ?? []
  const pairs = rest
    .split(', ')
    .map((pair) => /^([a-z_]+)="([^"\\,]*)"$/.exec(pair)?.slice(1) ?? ['', pair])
  return { name, parameters: new Map(pairs as [string, string][]) }
}

/** What every refusal must have besides. */
function compareRefusal(
  challenges: readonly Challenge[],
  error: string | null,
  answer: VectorAnswer,
): readonly string[] {
  const differences = differ('cache-control', linesOf(answer, 'cache-control'), ['no-store'])
  for (const { name, parameters } of challenges) {
    if (parameters.size === 0 || parameters.has(''))
      differences.push(`${name} challenge is malformed`)
    if (name === 'DPoP' && !parameters.has('algs')) differences.push('DPoP challenge without algs')
    if (!parameters.has('realm')) differences.push(`${name} challenge without realm`)
  }
  const nonces = linesOf(answer, 'dpop-nonce').length
  if (error === 'use_dpop_nonce' && (challenges.length !== 1 || nonces !== 1)) {
    differences.push('use_dpop_nonce needs one challenge and one DPoP-Nonce')
  }
  const [first] = challenges[0]?.parameters.keys() ?? []
  if (error === 'use_pop_nonce' && (challenges.length !== 1 || first !== 'nonce')) {
    differences.push('use_pop_nonce needs one challenge that begins with nonce')
  }
  return differences
}

function differAlgs(
  challenges: readonly Challenge[],
  expected: readonly string[],
): readonly string[] {
  const dpopChallenge = challenges.find(({ name }) => name === 'DPoP')
  const actual = dpopChallenge?.parameters.get('algs')?.split(' ') ?? []
  return differ('algs', actual.toSorted(), expected.toSorted())
}

function linesOf({ headers }: VectorAnswer, wanted: string): readonly string[] {
  return headers.filter(([name]) => name === wanted).map(([, value]) => value)
}

/** The listed members must be equal; those of an object are compared one by one. */
function compareMembers(where: string, expected: object, actual: unknown): readonly string[] {
  return Object.entries(expected).flatMap(([name, value]: [string, unknown]) => {
    const own = (actual as Record<string, unknown> | undefined)?.[name]
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return compareMembers(`${where}.${name}`, value, own)
    }
    return differ(`${where}.${name}`, own, value)
  })
}

function differ(what: string, actual: unknown, expected: unknown): string[] {
  const [is, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  return is === wanted ? [] : [`${what} is ${is}, not ${wanted}`]
}
