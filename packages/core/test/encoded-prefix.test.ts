import { createVerifier } from '@oauth-pop/core'
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

/** Proofs for a path below the prefix, as the client spells it, sent as a proxy that strips the prefix does. */
async function ask(prefix: string, path: string): Promise<readonly string[]> {
  const publicUrl = `https://api.example.com${prefix}`
  const verifier = createVerifier({ publicUrl, tokens, now: clock.now })
  const dpop = signDpop(dana, clock.seconds(), { htu: `https://api.example.com${path}/items` })
  const pop = signPop(alice, clock.seconds(), { p: `${path}/items` })
  const requests = [popRequest(pop), dpopRequest(dana, dpop)]
  return Promise.all(requests.map((request) => outcomeOf(verifier.verify(request))))
}

describe(
  'a publicUrl with a percent-encoded prefix',
  { tags: ['rule-location-prefix-encoded'] },
  () => {
    test.each([
      '/%7Eteam',
      '/v1%2E0',
      '/b%c3%bccher',
      '/tenants/%61cme',
      '/a%2fb',
      '/%7e%2F%c3%A4/',
    ])('%s is the prefix of what a client signs in the same spelling', async (prefix) => {
      expect(await ask(prefix, prefix.replace(/\/$/, ''))).toEqual(['accepted', 'accepted'])
    })

    test.each([
      ['/%7Eteam', '/~team'],
      ['/~team', '/%7eteam'],
      ['/v1%2E0', '/v1.0'],
      ['/tenants/%61cme', '/tenants/acme'],
      ['/b\u00fccher', '/b%C3%BCcher'],
    ])('%s is %s under DPoP, which decodes what need not be encoded', async (prefix, path) => {
      expect((await ask(prefix, path))[1]).toBe('accepted')
    })

    test('/a%2fb is not /a/b', async () => {
      expect(await ask('/a%2fb', '/a/b')).toEqual(['ERR_POP_PATH_MISMATCH', 'ERR_POP_URI_MISMATCH'])
    })

    test('any prefix is that of a client that signs it as it is', async () => {
      const part = fc.oneof(
        fc.constantFrom(
          'a',
          'B',
          '~',
          '-',
          '.x',
          '%7E',
          '%2f',
          '%61',
          '%e4%b8%ad',
          "'",
          '!',
          '(',
          ';=,',
        ),
        fc.nat({ max: 255 }).map((code) => `%${code.toString(16).padStart(2, '0')}`),
      )
      const prefix = fc
        .array(part, { minLength: 1, maxLength: 6 })
        .map((parts) => `/x${parts.join('')}`)
      await fc.assert(
        fc.asyncProperty(prefix, async (text) => {
          expect(await ask(text, text)).toEqual(['accepted', 'accepted'])
        }),
        { numRuns: 300 },
      )
    })
  },
)
