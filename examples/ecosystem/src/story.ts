import diagnostics from 'node:diagnostics_channel'
import type { Fetch } from '@oauth-pop/client'
import { startApi } from './api.ts'
import { startAuthorizationServer } from './authorization-server.ts'
import { createApiClient, fetchToken, type Token } from './client.ts'

/** One step of the story: what happened and what had to. */
export interface Step {
  readonly who: 'client' | 'thief'
  readonly what: string
  readonly status: number
  /** The challenge of a refusal; the body of a success. */
  readonly answer: string
  /** Why the verifier refused, as its event says; undefined for a success. */
  readonly code: string | undefined
  readonly expected: { readonly status: number; readonly code?: string }
}

export interface Story {
  readonly token: Token
  readonly steps: readonly Step[]
}

/** A signed request as it went over the wire; whoever sees one can send it. */
interface Captured {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  readonly body: string | undefined
}

/** An API refuses proofs of the second in which it starts: before that, another process may have seen them. */
async function nextSecond(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1000 - (Date.now() % 1000)))
}

/**
 * Plays the whole story on loopback: a token is issued, a client uses it, and a thief who can read
 * everything that the client sends gets nowhere. Tells each step as it happens.
 */
export async function playStory(tell: (step: Step) => void = () => {}): Promise<Story> {
  const authorizationServer = await startAuthorizationServer()
  const api = await startApi({ authorizationServer: authorizationServer.url })
  const otherApi = await startApi({ authorizationServer: authorizationServer.url })
  const codes: string[] = []
  const listen = (event: unknown): void => void codes.push((event as { code: string }).code)
  diagnostics.subscribe('oauth-pop:refused', listen)
  const steps: Step[] = []

  async function take(
    who: Step['who'],
    what: string,
    expected: Step['expected'],
    send: () => Promise<Response>,
  ): Promise<void> {
    codes.length = 0
    const response = await send()
    const answer = response.headers.get('www-authenticate') ?? (await response.text())
    steps.push({ who, what, status: response.status, answer, code: codes[0], expected })
    tell(steps.at(-1) as Step)
  }

  try {
    await nextSecond()
    const token = await fetchToken(authorizationServer.url, api.url)
    const { client, capture } = createClients(token)
    const photos = `${api.url}/photos`
    const upload = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"name":"dog.jpg"}',
    }

    await take('client', 'reads photos', { status: 200 }, () => client(`${photos}?page=1`))
    await take('client', 'adds a photo', { status: 201 }, () => client(photos, upload))

    const refused = (code: string): Step['expected'] => ({ status: 401, code })
    await take(
      'thief',
      'sends the token as Bearer',
      { status: 401, code: 'ERR_POP_CREDENTIAL_MISSING' },
      () => fetch(photos, { headers: { authorization: `Bearer ${token.access_token}` } }),
    )
    const used = await capture(photos)
    await take('client', 'reads photos again', { status: 200 }, () => replay(used))
    await take('thief', 'repeats that request', refused('ERR_POP_PROOF_REPLAYED'), () =>
      replay(used),
    )
    const read = await capture(photos)
    await take('thief', 'changes the path', refused('ERR_POP_PATH_MISMATCH'), () =>
      replay({ ...read, url: `${api.url}/albums` }),
    )
    await take('thief', 'changes the method', refused('ERR_POP_METHOD_MISMATCH'), () =>
      replay({ ...read, method: 'DELETE' }),
    )
    await take('thief', 'sends it to another host', refused('ERR_POP_HOST_MISMATCH'), async () => {
      const proofForOther = await capture(`${otherApi.url}/photos`)
      return replay({ ...proofForOther, url: photos })
    })
    const search = await capture(`${photos}?page=1`)
    await take('thief', 'changes the query', refused('ERR_POP_QUERY_MISMATCH'), () =>
      replay({ ...search, url: `${photos}?page=2` }),
    )
    await take('thief', 'adds to the query', refused('ERR_POP_QUERY_UNCOVERED'), () =>
      replay({ ...search, url: `${photos}?page=1&all=1` }),
    )
    const write = await capture(photos, upload)
    await take('thief', 'changes the body', refused('ERR_POP_BODY_MISMATCH'), () =>
      replay({ ...write, body: '{"name":"spam.jpg"}' }),
    )
    await take('client', 'adds that photo after all', { status: 201 }, () => replay(write))
    return { token, steps }
  } finally {
    diagnostics.unsubscribe('oauth-pop:refused', listen)
    await Promise.all([authorizationServer.close(), api.close(), otherApi.close()])
  }
}

/** Whether a step came out as it had to. */
export function isAsExpected({ status, code, expected }: Step): boolean {
  return status === expected.status && code === expected.code
}

function createClients(token: Token): {
  client: Fetch
  capture: (url: string, init?: RequestInit) => Promise<Captured>
} {
  const caught: Captured[] = []
  const wiretap = createApiClient(token, async (input, init) => {
    const { url, method, headers } = new Request(input as string, init)
    caught.push({ url, method, headers, body: init?.body as string | undefined })
    return new Response(null, { status: 204 })
  })
  return {
    client: createApiClient(token),
    async capture(url, init) {
      await wiretap(url, init)
      return caught.pop() as Captured
    },
  }
}

function replay({ url, method, headers, body }: Captured): Promise<Response> {
  return fetch(url, { method, headers, ...(body !== undefined && { body }) })
}
