import { createVerifier, type NonceOptions, type PopError } from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  outcomeOf,
  popRequest,
  signPop,
} from '@oauth-pop/testkit'
import { expect, test } from 'vitest'

const { holder, tokens } = createHolders()

function createServer(nonce?: NonceOptions): {
  readonly now: number
  send: (claims: Record<string, unknown>) => Promise<string>
  askForNonce: () => Promise<string>
} {
  const alice = holder()
  const clock = createClock()
  const now = clock.seconds()
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens,
    now: clock.now,
    ...(nonce && { nonce }),
  })
  const send = (claims: Record<string, unknown>): Promise<unknown> =>
    verifier.verify(popRequest(signPop(alice, now, claims)))
  return {
    now,
    send: (claims) => outcomeOf(send(claims)),
    async askForNonce() {
      const error: unknown = await send({}).catch((reason: unknown) => reason)
      const challenge = (error as PopError).headers['www-authenticate']
      return /nonce="([\w-]+)"/.exec(String(challenge))?.[1] ?? ''
    },
  }
}

test(
  'a proof is known by its jti, and by its nonce only without',
  {
    tags: ['rule-replay-named-by-jti'],
  },
  async () => {
    const { send } = createServer()
    expect(await send({ jti: 'a', nonce: 'x' })).toBe('accepted')
    expect(await send({ jti: 'a', nonce: 'y' })).toBe('ERR_POP_PROOF_REPLAYED')
    expect(await send({ jti: 'b', nonce: 'x' })).toBe('accepted')
    expect(await send({ jti: undefined, nonce: 'y' })).toBe('accepted')
    expect(await send({ jti: undefined, nonce: 'y' })).toBe('ERR_POP_PROOF_REPLAYED')
  },
)

test(
  'a nonce of the server names no proof: one without jti is known by what it signs',
  {
    tags: ['rule-replay-server-nonce'],
  },
  async () => {
    const { send, askForNonce, now } = createServer({})
    const shared = { jti: undefined, nonce: await askForNonce() }
    expect(await send({ ...shared, ts: now })).toBe('accepted')
    expect(await send({ ...shared, ts: now + 1 })).toBe('accepted')
    expect(await send({ ...shared, ts: now })).toBe('ERR_POP_PROOF_REPLAYED')
  },
)
