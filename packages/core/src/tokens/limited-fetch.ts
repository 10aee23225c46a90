/** What an answer of another server may cost. */
export interface AnswerLimits {
  readonly milliseconds: number
  readonly bytes: number
}

/**
 * A `fetch` for servers that we depend on: it follows no redirect, gives up in time, and hands on an
 * answer only when it has come whole and within the limit.
 */
export function limitedFetch(
  { milliseconds, bytes }: AnswerLimits,
  ownFetch: typeof fetch = fetch,
): typeof fetch {
  return async function fetchLimited(input, init) {
    const signals = [AbortSignal.timeout(milliseconds), ...(init?.signal ? [init.signal] : [])]
    const signal = AbortSignal.any(signals)
    const response = await ownFetch(input, { ...init, redirect: 'manual', signal })
    const body = await readWhole(response, bytes)
    const { status, headers } = response
    return new Response(status === 204 || status === 304 ? null : body, { status, headers })
  }
}

async function readWhole(response: Response, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop cancels the rest.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > limit) throw new Error(`the answer is longer than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
