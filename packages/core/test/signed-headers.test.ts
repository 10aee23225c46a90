import { createVerifier } from '@oauth-pop/core'
import { apiUrl, createClock, createHolders, hashOf, outcomeOf, signPop } from '@oauth-pop/testkit'
import { expect, test } from 'vitest'

const { holder, tokens } = createHolders()
const clock = createClock()
const alice = holder()

test.each([
  ['a header of another name', 'x-tenant', 'accepted'],
  ['authorization', 'authorization', 'ERR_POP_HEADERS_MISMATCH'],
  ['Authorization', 'Authorization', 'ERR_POP_HEADERS_MISMATCH'],
])(
  'a proof in the query that covers %s, where the header is there',
  { tags: ['attack-175', 'shr-headers-authorization'] },
  async (_, name, outcome) => {
    const verifier = createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })
    const h = [[name], hashOf(`${name}: Basic YTpi`)]
    const proof = signPop(alice, clock.seconds(), { h })
    const rawHeaders = ['Host', 'api.example.com', name, 'Basic YTpi']
    const target = `/items?pop_access_token=${proof}`
    expect(await outcomeOf(verifier.verify({ method: 'GET', target, rawHeaders }))).toBe(outcome)
  },
)

test.each<[string, Record<string, unknown>, string]>([
  ['with its value', { 'x-tenant': 'one' }, 'accepted'],
  ['with white space around it', { 'x-tenant': ' one ' }, 'accepted'],
  ['with another value', { 'x-tenant': 'two' }, 'ERR_POP_HEADERS_MISMATCH'],
  ['as a list', { 'x-tenant': ['one'] }, 'ERR_POP_HEADERS_MISMATCH'],
  ['not at all', {}, 'ERR_POP_HEADERS_MISMATCH'],
])(
  'a signed header that the framework hands on %s',
  { tags: ['shr-headers-handed-on'] },
  async (_, headers, outcome) => {
    const verifier = createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })
    const proof = signPop(alice, clock.seconds(), { h: [['x-tenant'], hashOf('x-tenant: one')] })
    const rawHeaders = [
      'Host',
      'api.example.com',
      'Authorization',
      `PoP ${proof}`,
      'X-Tenant',
      'one',
    ]
    const request = { method: 'GET', target: '/items', rawHeaders, headers }
    expect(await outcomeOf(verifier.verify(request))).toBe(outcome)
  },
)
