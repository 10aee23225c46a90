import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { createPopFetch, generateKeyPair, type Fetch } from '@oauth-pop/client'
import { storedTokens, type VerifierOptions } from '@oauth-pop/core'
import { createIssuer } from '@oauth-pop/issuer'

/** Starts the API of an example on a port of the loopback interface; resolves to how to stop it. */
export type StartApi = (port: number, options: VerifierOptions) => Promise<() => Promise<void>>

/** One request, its answer, and what the answer had to be. */
export interface Step {
  readonly what: string
  readonly status: number
  /** The challenge of a refusal; the body of a success. */
  readonly answer: string
  /** Why the verifier refused, as its event says. */
  readonly code: string | undefined
  readonly expected: Expected
}

/** The status, and the reason of a refusal or the body of a success. */
type Expected = readonly [status: number, because: string]

export interface VisitOptions {
  /** Default a free one. */
  readonly port?: number
  /** Leaves the API running after the visit. Default `false`. */
  readonly serve?: boolean
}

/** A signed request as it went over the wire. */
type Captured = readonly [url: string, init: RequestInit]

/** Starts an API, uses it as its client and as a thief, and tells each step as it happens. */
export async function visit(
  startApi: StartApi,
  tell: (step: Step) => void,
  options: VisitOptions = {},
): Promise<void> {
  const { port = await findFreePort(), serve = false } = options
  const url = `http://127.0.0.1:${port}`
  const issuer = createIssuer({ issuer: url, tokens: 'opaque' })
  const stop = await startApi(port, {
    publicUrl: url,
    tokens: storedTokens((_hash, token) => issuer.introspect(token), { audience: url }),
  })
  // An API refuses proofs of the second in which it starts: before that, another process may have seen them.
  await new Promise((resolve) => setTimeout(resolve, 1000 - (Date.now() % 1000)))
  const key = await generateKeyPair({ algorithm: 'ES256' })
  const issue = async (scope: string): Promise<string> => {
    const bound = { by: 'client', jwk: key.jwk } as const
    const request = { clientId: 'app', subject: 'alice', audience: url, scope, key: bound }
    return (await issuer.issue(request)).access_token
  }
  const reader = await issue('photos:read')
  const writer = await issue('photos:write')
  const codes: string[] = []
  const listen = (event: unknown): void => void codes.push((event as { code: string }).code)
  diagnostics.subscribe('oauth-pop:refused', listen)

  async function take(
    what: string,
    expected: Expected,
    send: () => Promise<Response>,
  ): Promise<void> {
    codes.length = 0
    const response = await send()
    const answer = response.headers.get('www-authenticate') ?? (await response.text())
    tell({ what, status: response.status, answer, code: codes[0], expected })
  }

  const signing = (accessToken: string, send?: Fetch): Fetch =>
    createPopFetch({ accessToken, key, cover: { body: true }, ...(send && { fetch: send }) })
  const upload = (body: string): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  const photos = `${url}/photos`
  const photosOfAlice = '{"owner":"alice","photos":["cat.jpg"]}'
  const addedByAlice = '{"owner":"alice","added":{"name":"dog.jpg"}}'
  const bearer = { headers: { authorization: `Bearer ${reader}` } }

  try {
    await take('anybody asks for the health', [200, '{"status":"ok"}'], () =>
      fetch(`${url}/health`),
    )
    await take('nobody reads photos', [401, 'ERR_POP_CREDENTIAL_MISSING'], () => fetch(photos))
    await take('a thief sends the token', [401, 'ERR_POP_CREDENTIAL_MISSING'], () =>
      fetch(photos, bearer),
    )
    await take('the client reads photos', [200, photosOfAlice], () => signing(reader)(photos))
    const read = await capture((send) => signing(reader, send)(photos))
    await take('the client reads them again', [200, photosOfAlice], () => fetch(...read))
    await take('a thief repeats that request', [401, 'ERR_POP_PROOF_REPLAYED'], () =>
      fetch(...read),
    )
    await take('the client adds a photo', [201, addedByAlice], () =>
      signing(writer)(photos, upload('{"name":"dog.jpg"}')),
    )
    const [target, write] = await capture((send) =>
      signing(writer, send)(photos, upload('{"name":"dog.jpg"}')),
    )
    await take('a thief changes the body', [401, 'ERR_POP_BODY_MISMATCH'], () =>
      fetch(target, { ...write, body: '{"name":"spam.jpg"}' }),
    )
    await take('the client leaves the body unsigned', [401, 'ERR_POP_COVERAGE_MISSING'], () =>
      createPopFetch({ accessToken: writer, key })(photos, upload('{"name":"dog.jpg"}')),
    )
    await take('the reader adds a photo', [403, 'ERR_POP_SCOPE_INSUFFICIENT'], () =>
      signing(reader)(photos, upload('{"name":"dog.jpg"}')),
    )
  } finally {
    diagnostics.unsubscribe('oauth-pop:refused', listen)
    if (!serve) await stop()
  }
}

export function isAsExpected({ status, code, answer, expected }: Step): boolean {
  return status === expected[0] && (code ?? answer) === expected[1]
}

/** What a client would have sent. */
async function capture(act: (send: Fetch) => Promise<Response>): Promise<Captured> {
  const caught: Captured[] = []
  await act(async (input, init) => {
    const { url, method, headers } = new Request(input as string, init)
    caught.push([url, { method, headers, ...(init?.body && { body: init.body }) }])
    return new Response()
  })
  return caught[0] as Captured
}

export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
