import { optionError } from '../errors.ts'
import { innermostOf } from '../fault.ts'

/** What an answer of another server may cost. */
export interface AnswerLimits {
  readonly milliseconds: number
  readonly bytes: number
}

/**
 * A `fetch` for servers that we depend on: it follows no redirect, gives up in time, and hands on an
 * answer only when it has come whole and within the limit.
 *
 * @throws Error that names host and path, with the innermost reason and its `code`
 */
export function limitedFetch(
  { milliseconds, bytes }: AnswerLimits,
  ownFetch: typeof fetch = fetch,
): typeof fetch {
  return async function fetchLimited(input, init) {
    const signals = [AbortSignal.timeout(milliseconds), ...(init?.signal ? [init.signal] : [])]
    const signal = AbortSignal.any(signals)
    try {
      const response = await ownFetch(input, { ...init, redirect: 'manual', signal })
      const body = await readWhole(response, bytes)
      const { status, headers } = response
      return new Response(status === 204 || status === 304 ? null : body, { status, headers })
    } catch (cause) {
      const why = signal.aborted ? 'no answer in time' : 'no answer'
      throw nameFault(`${why} from ${placeOf(input)}`, cause)
    }
  }
}

/** The reason itself is shown with the error, and stays its cause. */
function nameFault(message: string, cause: unknown): Error {
  const { message: reason, code } = innermostOf(cause)
  return Object.assign(new Error(`${message}: ${reason}`, { cause }), code && { code })
}

/** Host and path of a URL: a query may hold a secret. */
export function placeOf(input: string | URL | Request): string {
  const text = input instanceof Request ? input.url : String(input)
  if (!URL.canParse(text)) return 'an address that is no URL'
  const { host, pathname } = new URL(text)
  return `${host}${pathname}`
}

/** The application's own `fetch`, or none. */
export function readFetch(where: string, own: unknown): typeof fetch | undefined {
  if (own === undefined || typeof own === 'function') return own as typeof fetch | undefined
  throw optionError('ERR_POP_OPTION_INVALID', `${where} fetch must be a function`)
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
