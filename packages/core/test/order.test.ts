import { createVerifier, type ReplayStore } from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  outcomeOf,
  popRequest,
  signPop,
  type Holder,
} from '@oauth-pop/testkit'
import { expect, test } from 'vitest'

const clock = createClock()
const { holder, tokens } = createHolders()
const alice = holder()
const dana = holder('jkt')
const stranger = holder()

/** A store in which every proof has been used before. */
const replay: ReplayStore = { claim: async () => false }

/** Each request has the faults of two neighbours in the order of the checks. */
const faults: Readonly<Record<string, readonly [string, Record<string, unknown>, Holder]>> = {
  'a stale proof for an unknown token': ['PROOF_EXPIRED', { ts: 1, at: 'unknown' }, alice],
  'an unknown token in a forged proof': ['TOKEN_UNKNOWN', { at: 'unknown' }, stranger],
  'a token bound otherwise, in a forged proof': [
    'BINDING_OTHER_METHOD',
    { at: dana.accessToken },
    stranger,
  ],
  'a forged proof for another method': ['PROOF_SIGNATURE_INVALID', { m: 'PUT' }, stranger],
  'a proof for another method, without a nonce': ['METHOD_MISMATCH', { m: 'PUT' }, alice],
  'a used proof without a nonce': ['NONCE_MISSING', {}, alice],
}

test.each(Object.entries(faults))(
  '%s is refused for what is looked at first',
  { tags: ['rule-order-of-checks', 'shr-token-before-signature', 'shr-nonce-after-signature'] },
  async (_, [code, claims, { privateKey }]) => {
    const verifier = createVerifier({
      publicUrl: apiUrl,
      tokens,
      replay,
      nonce: {},
      now: clock.now,
    })
    const request = popRequest(signPop({ ...alice, privateKey }, clock.seconds(), claims))
    expect(await outcomeOf(verifier.verify(request))).toBe(`ERR_POP_${code}`)
  },
)
