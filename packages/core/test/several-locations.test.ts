import { createVerifier, type HttpRequest } from '@oauth-pop/core'
import {
  createClock,
  createHolders,
  dpopRequest,
  outcomeOf,
  popRequest,
  signDpop,
  signPop,
} from '@oauth-pop/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const clock = createClock()
const { holder, tokens } = createHolders()
const alice = holder()
const dana = holder('jkt')

const urls = [
  'https://a.example.com',
  'https://b.example.com',
  'https://b.example.com:8443/v2',
  'https://*.tenants.example.com',
] as const
const verifier = createVerifier({ publicUrl: urls, tokens, now: clock.now })

interface Sent {
  readonly proofFor: URL
  readonly host: string
  readonly origin?: string
}

/** The outcomes of the same request under PoP and DPoP. */
async function ask({ proofFor, host, origin }: Sent): Promise<readonly string[]> {
  const prefix = proofFor.pathname.replace(/\/$/, '')
  const pop = signPop(alice, clock.seconds(), { u: proofFor.host, p: `${prefix}/items` })
  const dpop = signDpop(dana, clock.seconds(), { htu: `${proofFor.origin}${prefix}/items` })
  const requests = [popRequest(pop), dpopRequest(dana, dpop)].map((request): HttpRequest => {
    const rawHeaders = ['Host', host, ...request.rawHeaders.slice(2)]
    return { ...request, rawHeaders, ...(origin !== undefined && { origin }) }
  })
  return Promise.all(requests.map((request) => outcomeOf(verifier.verify(request))))
}

describe('with several public URLs', () => {
  const a = new URL(urls[0])
  const b = new URL(urls[1])
  const b8443 = new URL(urls[2])
  const tenant = new URL('https://one.tenants.example.com')
  const refused = [expect.stringMatching(/^ERR_POP_(HOST|PATH)_MISMATCH$/), 'ERR_POP_URI_MISMATCH']
  const accepted = ['accepted', 'accepted']

  test.each<[string, Sent]>([
    ['that Host names', { proofFor: a, host: 'a.example.com' }],
    ['that Host names in other letters', { proofFor: a, host: 'A.EXAMPLE.com' }],
    ['that Host names with its port', { proofFor: b8443, host: 'b.example.com:8443' }],
    ['whose label Host names', { proofFor: tenant, host: 'one.tenants.example.com' }],
    ['where Host names none', { proofFor: b, host: 'internal:3000' }],
    [
      'that the framework sees',
      { proofFor: b, host: 'a.example.com', origin: 'http://b.example.com' },
    ],
  ])(
    'a proof for the one %s is accepted',
    { tags: ['attack-53', 'rule-location-several'] },
    async (_, sent) => {
      expect(await ask(sent)).toEqual(accepted)
    },
  )

  test.each<[string, Sent]>([
    ['the host of another', { proofFor: a, host: 'b.example.com' }],
    ['it with a dot at the end', { proofFor: a, host: 'b.example.com.' }],
    ['it in other letters', { proofFor: a, host: 'B.Example.COM' }],
    ['it with its default port', { proofFor: a, host: 'b.example.com:443' }],
    ['it with another port', { proofFor: a, host: 'b.example.com:9999' }],
    ['the port of another', { proofFor: b, host: 'b.example.com:8443' }],
    ['a label of another', { proofFor: a, host: 'one.tenants.example.com' }],
    ['another label', { proofFor: tenant, host: 'two.tenants.example.com' }],
  ])(
    'a proof for one is refused where Host names %s',
    { tags: ['attack-53', 'rule-location-several'] },
    async (_, sent) => {
      expect(await ask(sent)).toEqual(refused)
    },
  )

  test(
    'what the framework sees is asked before Host, and refused when it is no host',
    { tags: ['attack-53', 'rule-location-several'] },
    async () => {
      const sent = { proofFor: a, host: 'a.example.com' }
      expect(await ask({ ...sent, origin: 'http://b.example.com' })).toEqual(refused)
      for (const origin of [
        'http://a.example.com,b.example.com',
        'http://a.example.com/x',
        'http://',
      ])
        expect(await ask({ ...sent, origin })).toEqual([
          'ERR_POP_HOST_INVALID',
          'ERR_POP_HOST_INVALID',
        ])
    },
  )

  test(
    'whatever is accepted where Host names one was made for that one',
    { tags: ['attack-53', 'rule-location-several'] },
    async () => {
      const names = [
        'a.example.com',
        'b.example.com',
        'x.tenants.example.com',
        'y.tenants.example.com',
      ]
      const spelt = fc
        .tuple(fc.constantFrom(...names), fc.boolean(), fc.constantFrom('', '.', ':443', ':8443'))
        .map(([name, isUpper, end]) => ({
          name,
          host: (isUpper ? name.toUpperCase() : name) + end,
        }))
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...names), spelt, async (proofFor, { name, host }) => {
          const outcomes = await ask({ proofFor: new URL(`https://${proofFor}`), host })
          expect(proofFor === name || !outcomes.includes('accepted')).toBe(true)
        }),
        { numRuns: 200 },
      )
    },
  )
})
