import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  client,
  startAuthorizationServer,
  type AuthorizationServer,
  type TokenForm,
} from './authorization-server.ts'
import {
  frameworkNames,
  startResourceServer,
  type Exchange,
  type Framework,
  type Mode,
  type ResourceServer,
} from './resource-servers.ts'
import { seen, type Peer, type Seen } from './seen.ts'

interface Call {
  readonly method: 'GET' | 'POST'
  readonly body?: string
}

/** A client with a key of its own, and a token that is bound to it. */
export interface Session {
  readonly accessToken: string
  /** Resolves to the status that the client hands over; rejects where it hands over none. */
  readonly call: (accessToken: string, url: string, call: Call) => Promise<number>
}

export type Connect = (server: AuthorizationServer, form: TokenForm) => Promise<Session>

/** What the clients do: with the seconds that pass before each. */
const steps: readonly (Call & { readonly after: number })[] = [
  { after: 0, method: 'GET' },
  { after: 0, method: 'POST', body: 'first' },
  { after: 1, method: 'GET' },
  { after: 3, method: 'POST', body: 'second' },
]

/** Runs a client against each of our resource servers; what it sees is what `seen.ts` says. */
export function describePeer(name: Peer, connect: Connect): void {
  const expected: Seen = seen[name]
  let server: AuthorizationServer
  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  afterAll(() => server.close())

  const forms = { jwt: 'express', opaque: 'fastify' } as const
  describe.each(Object.entries(forms) as [TokenForm, Framework][])(
    `${name} with a token in the form: %s`,
    (form, only) => {
      let session: Session
      let api: ResourceServer
      beforeAll(async () => {
        session = await connect(server, form)
      })
      afterEach(() => api.close())

      describe.each(frameworkNames)('on %s', (framework) => {
        test.each(Object.entries(expected.nonces) as [Mode, string][])(
          'nonces %s: %s',
          async (mode, outcome) => {
            api = await startResourceServer(server, { framework, form, mode })
            expect(await visit(session, api)).toEqual({ outcome, proofs: expected.proofs })
          },
        )
      })

      test(`20 first calls at once, nonces required: ${expected.together} get in`, async () => {
        api = await startResourceServer(server, { framework: only, form, mode: 'required' })
        const url = `${api.url}/photos/1?size=2`
        const calls = Array.from({ length: 20 }, () =>
          session.call(session.accessToken, url, { method: 'POST', body: 'same' }),
        )
        await Promise.allSettled(calls)
        expect(api.exchanges.length).toBeGreaterThanOrEqual(calls.length)
        expect(api.handled.map(({ body }) => body)).toEqual(
          Array.from({ length: expected.together }, () => 'same'),
        )
      })

      test('a token that is bound to the key of another is refused', async () => {
        const other = await connect(server, form)
        api = await startResourceServer(server, { framework: only, form, mode: 'off' })
        const { outcome } = await visit({ ...session, accessToken: other.accessToken }, api)
        expect(outcome).toBe(expected.stolen ?? '401 invalid_token')
        expect(api.handled).toEqual([])
      })
    },
  )
}

/** Makes every call, and says in a few words what came of them. */
async function visit(
  session: Session,
  api: ResourceServer,
): Promise<{ readonly outcome: string; readonly proofs: string }> {
  const last: string[] = []
  for (const { after, ...step } of steps) {
    api.clock.advance(after)
    const [exchanges, handled] = [api.exchanges.length, api.handled.length]
    const status = await session
      .call(session.accessToken, `${api.url}/photos/1?size=2`, step)
      .catch(() => undefined)
    const answers = api.exchanges.slice(exchanges).map(describeAnswer)
    const answer = answers.at(-1) ?? 'nothing sent'
    // A client may keep a refusal to itself, but never an answer.
    expect(answer === '200' ? [200] : [undefined, Number.parseInt(answer)]).toContain(status)
    // The body is there again when the request is sent again, and no request is handled twice.
    expect(api.handled.slice(handled)).toMatchObject(
      answer === '200'
        ? [{ method: step.method, body: step.body ?? '', token: { clientId: client.id } }]
        : [],
    )
    last.push(answer)
  }
  return { outcome: summarise(last, api.exchanges), proofs: describeProofs(api.exchanges) }
}

function describeAnswer({ status, challenge }: Exchange): string {
  const [, error] = /error="(\w+)"/.exec(challenge) ?? []
  return error === undefined ? `${status}` : `${status} ${error}`
}

function summarise(answers: readonly string[], exchanges: readonly Exchange[]): string {
  const kinds = [...new Set(answers)]
  if (kinds.join() !== '200') return kinds.length === 1 ? kinds.join() : answers.join(', ')
  const [asked, given] = [exchanges.length - answers.length, exchanges.some(hasNonce)]
  if (asked > 0) return `works, asked ${asked === 1 ? 'once' : `${asked} times`}`
  return given ? 'works, takes up the nonce' : 'works'
}

const hasNonce = (exchange: Exchange): boolean => 'nonce' in readProof(exchange)

/** The algorithm, and what is unusual about the proofs. */
function describeProofs(exchanges: readonly Exchange[]): string {
  const kinds = exchanges.map((exchange) => {
    const { alg, htu, ath } = readProof(exchange)
    return [
      alg ?? 'none',
      ...(htu?.includes('?') ? ['query in `htu`'] : []),
      ...(alg !== undefined && ath === undefined ? ['no `ath`'] : []),
    ].join(', ')
  })
  return [...new Set(kinds)].join('; ')
}

interface Proof {
  readonly alg?: string
  readonly htu?: string
  readonly ath?: string
  readonly nonce?: string
}

function readProof({ headers: { dpop } }: Exchange): Proof {
  if (typeof dpop !== 'string') return {}
  const [header, payload] = dpop
    .split('.', 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as object)
  return { ...header, ...payload }
}
