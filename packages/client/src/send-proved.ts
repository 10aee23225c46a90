import { NonceLoopError } from './challenge.ts'
import type { ServerClock } from './server-clock.ts'
import type { FetchArguments } from './transport.ts'

interface Sending {
  /** The request with a fresh proof. */
  prove(nonce: string | undefined): Promise<FetchArguments>
  send(...request: FetchArguments): Promise<Response>
  /** False for a body that is gone once sent. */
  readonly canSendAgain: boolean
  readonly clock: ServerClock
  /** The nonce that a response asks for. */
  readNonce(response: Response): string | undefined
}

/**
 * Sends a request, and again when a fresh proof can mend the refusal: once for a nonce and once for a
 * clock that is wrong, so three times at most.
 *
 * @throws NonceLoopError when the server asks for a nonce again
 */
export async function sendProved(sending: Sending): Promise<Response> {
  const { clock, canSendAgain } = sending
  let nonce: string | undefined
  for (;;) {
    const response = await sending.send(...(await sending.prove(nonce)))
    const asked = sending.readNonce(response)
    if (asked !== undefined && nonce !== undefined) throw new NonceLoopError(response)
    if (!canSendAgain || (asked === undefined && !clock.learn(response))) return response
    nonce ??= asked
    await response.body?.cancel()
  }
}
