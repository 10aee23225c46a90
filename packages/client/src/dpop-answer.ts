import { readChallenge, type Answer } from './challenge.ts'

/** As long as nonces may be: with a longer one the next proof would be more than servers take. */
const longestNonce = 2048

/** Bytes of an OAuth error; what is longer is none. */
const longestError = 65_536

/** Of two nonces, which `Headers` joins with a comma and a space, none counts (RFC 9449 section 8.1). */
const nonceSyntax = /^[!\x23-\x5b\x5d-\x7e]+$/

/**
 * What a response says to a client of `DPoP`. A resource server refuses with a challenge (RFC 9449
 * section 9), an authorization server with 400 and `error` in JSON (section 8).
 *
 * @param atIssuer whether an authorization server may be who answers without giving a nonce
 */
export async function readDpopAnswer(response: Response, atIssuer: boolean): Promise<Answer> {
  const given = response.headers.get('dpop-nonce') ?? ''
  const nonce = given.length <= longestNonce && nonceSyntax.test(given) ? given : undefined
  const { error, description } = await readError(response, atIssuer || nonce !== undefined)
  return { nonce, asksForNonce: error === 'use_dpop_nonce' && nonce !== undefined, description }
}

interface OAuthError {
  readonly error?: string | undefined
  readonly description?: string | undefined
}

async function readError(response: Response, inBody: boolean): Promise<OAuthError> {
  if (response.status !== 400 && response.status !== 401) return {}
  const challenge = readChallenge(response, 'dpop')
  const error = challenge.get('error')
  if (error !== undefined) return { error, description: challenge.get('error_description') }
  const type = response.headers.get('content-type') ?? ''
  const isJson = /^application\/json *(;|$)/i.test(type)
  return response.status === 400 && inBody && isJson ? readErrorBody(response) : {}
}

/** Reads a copy: the caller gets a response that nobody has read. */
async function readErrorBody(response: Response): Promise<OAuthError> {
  try {
    const body: unknown = JSON.parse(await readText(response.clone()))
    const { error, error_description: description } = body as Record<string, unknown>
    return {
      ...(typeof error === 'string' && { error }),
      ...(typeof description === 'string' && { description }),
    }
  } catch {
    return {}
  }
}

async function readText({ body }: Response): Promise<string> {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = body?.getReader()
  const decoder = new TextDecoder()
  let [text, length] = ['', 0]
  for (;;) {
    const value = (await reader?.read())?.value
    if (value === undefined) return text
    length += value.length
    if (length > longestError) {
      // Not awaited: the copy ends only when the caller is done with the response.
      reader?.cancel().catch(() => {})
      return ''
    }
    text += decoder.decode(value, { stream: true })
  }
}
