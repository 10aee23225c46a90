import { createVerifier, storedTokens } from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  outcomeOf,
  popRequest,
  signPop,
} from '@oauth-pop/testkit'
import { expect, test } from 'vitest'

const clock = createClock()
const alice = createHolders().holder()

test.each([
  [undefined, 'accepted'],
  [true, 'accepted'],
  [false, 'ERR_POP_TOKEN_INACTIVE'],
  ['true', 'ERR_POP_TOKEN_INACTIVE'],
  ['false', 'ERR_POP_TOKEN_INACTIVE'],
  [1, 'ERR_POP_TOKEN_INACTIVE'],
  [{}, 'ERR_POP_TOKEN_INACTIVE'],
])('a stored record whose active is %j', { tags: ['attack-181'] }, async (active, outcome) => {
  const record = { aud: apiUrl, cnf: { jwk: alice.jwk }, active }
  const tokens = storedTokens(() => record, { audience: apiUrl })
  const verifier = createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })
  const request = popRequest(signPop(alice, clock.seconds()))
  expect(await outcomeOf(verifier.verify(request))).toBe(outcome)
})
