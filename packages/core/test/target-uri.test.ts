import { createVerifier } from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  dpopRequest,
  outcomeOf,
  signDpop,
} from '@oauth-pop/testkit'
import { expect, test } from 'vitest'

const { holder, tokens } = createHolders()
const clock = createClock()
const dana = holder('jkt')

test('htu of another scheme is another URI, even on the same port', async () => {
  const ask = (publicUrl: string): Promise<string> => {
    const proof = signDpop(dana, clock.seconds(), { htu: `${apiUrl}:443/items` })
    const verifier = createVerifier({ publicUrl, tokens, now: clock.now })
    return outcomeOf(verifier.verify(dpopRequest(dana, proof)))
  }
  expect(await ask('https://api.example.com')).toBe('accepted')
  expect(await ask('http://api.example.com:443')).toBe('ERR_POP_URI_MISMATCH')
})
