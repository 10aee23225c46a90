import { createVerifier } from '@oauth-pop/core'
import { apiUrl, hashOf, outcomeOf } from '@oauth-pop/testkit'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  clock,
  host,
  forgetful,
  createSigner,
  popClaims,
  dpopClaims,
  edits,
  edit,
  trimOws,
} from './fixtures.ts'

// Room for a busy machine: all of them together take some seconds.
vi.setConfig({ testTimeout: 60_000 })

describe('P1: no edit of an accepted credential is accepted', () => {
  const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const others = '.=+/~,;:"\\{} \t\r\n\0%\u00e9\u00ff\u0130\u212a\ud800'

  test.each(
    (['PoP', 'DPoP'] as const).flatMap((scheme) =>
      (['ES256', 'RS256', 'EdDSA'] as const).map((algorithm) => [scheme, algorithm] as const),
    ),
  )('%s with %s', async (scheme, algorithm) => {
    const { compact, jwk, tokens } = await createSigner(algorithm)
    const verifier = createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })
    const proof =
      scheme === 'PoP'
        ? compact({ typ: 'pop' }, { ...popClaims, jti: 'x' })
        : compact({ typ: 'dpop+jwt', jwk }, dpopClaims)
    const send = (text: string): Promise<string> => {
      const headers =
        scheme === 'PoP'
          ? ['Authorization', `PoP ${text}`]
          : ['Authorization', 'DPoP token', 'DPoP', text]
      return outcomeOf(
        verifier.verify({ method: 'GET', target: '/items', rawHeaders: [...host, ...headers] }),
      )
    }
    await fc.assert(
      fc.asyncProperty(edits(base64url + others), async (change) => {
        const edited = edit(proof, change)
        fc.pre(trimOws(edited) !== proof)
        expect(await send(edited)).toMatch(/^ERR_POP_(?!PROOF_REPLAYED|INTERNAL)/)
      }),
      { numRuns: 2000 },
    )
    expect(await send(proof)).toBe('accepted')
  })
})

// The client's round-trip.test.ts has the rest: method, path, query, headers and body of PoP.
describe('P2: no edit of what an accepted proof names is accepted', async () => {
  const { compact, jwk, tokens } = await createSigner('EdDSA')
  const publicUrl = 'https://*.example.com'
  const verifier = createVerifier({ publicUrl, tokens, now: clock.now, replay: forgetful })

  /** A request, before it is signed; no dot segments, which DPoP does not accept in a request. */
  const sample = fc.record({
    method: fc.stringMatching(/^[A-Z][A-Z-]{0,9}$/),
    // A label that begins like an encoded one must be one.
    host: fc
      .stringMatching(/^[a-z][a-z0-9-]{0,8}\.example\.com$/)
      .filter((name) => !name.startsWith('xn--')),
    path: fc.stringMatching(/^(\/([A-Za-z0-9_~:@!$,*]|%2F|%20|%C3%A9){1,5}){1,4}$/),
    query: fc.stringMatching(/^(\?[a-c=&]{0,6})?$/),
    accessToken: fc.stringMatching(/^[A-Za-z0-9._~+/-]{1,20}$/),
  })
  type Sample = typeof sample extends fc.Arbitrary<infer T> ? T : never

  const sign = {
    DPoP({ method, host: own, path, accessToken }: Sample) {
      const claims = { htm: method, htu: `https://${own}${path}`, ath: hashOf(accessToken) }
      return compact({ typ: 'dpop+jwt', jwk }, { ...dpopClaims, ...claims })
    },
    PoP({ method, host: own, path, accessToken }: Sample) {
      return compact({}, { ...popClaims, at: accessToken, m: method, u: own, p: path })
    },
  }

  function send(scheme: keyof typeof sign, sent: Sample, proof: string): Promise<string> {
    const { method, host: own, path, query, accessToken } = sent
    const credential = { PoP: [`PoP ${proof}`], DPoP: [`DPoP ${accessToken}`, 'DPoP', proof] }
    const rawHeaders = ['Host', own, 'Authorization', ...credential[scheme]]
    return outcomeOf(verifier.verify({ method, target: path + query, rawHeaders }))
  }

  /** What RFC 3986 section 6.2.2 calls the same: case of hex digits, unreserved characters. */
  const normalisePath = (text: string): string =>
    text.replace(/\?.*/s, '').replace(/%[0-9a-f]{2}/gi, (triplet) => {
      const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
      return /[\w.~-]/.test(character) ? character : triplet.toUpperCase()
    })

  const parts = {
    method: { characters: 'AZaz-1 \u0130', normalise: (text: string) => text },
    host: {
      characters: 'aAz09-_.:/@?#\\ \t[]\u212a',
      normalise: (text: string) => trimOws(text).toLowerCase(),
    },
    path: { characters: 'aA0-_.~://///%;?#&=\\ \u00e9', normalise: normalisePath },
    accessToken: { characters: 'aA0-_.~+/= \t,"', normalise: trimOws },
  }

  test.each([
    ['DPoP', 'method', /METHOD_MISMATCH/],
    ['DPoP', 'host', /URI_MISMATCH|HOST_/],
    ['DPoP', 'path', /URI_MISMATCH|TARGET_INVALID/],
    ['DPoP', 'accessToken', /TOKEN_HASH_MISMATCH|CREDENTIAL_MALFORMED/],
    ['PoP', 'host', /HOST_/],
  ] as const)('%s: the %s', async (scheme, part, code) => {
    const { characters, normalise } = parts[part]
    await fc.assert(
      fc.asyncProperty(sample, edits(characters), async (signed, how) => {
        const changed = { ...signed, [part]: edit(signed[part], how) }
        fc.pre(normalise(changed[part]) !== normalise(signed[part]))
        const proof = sign[scheme](signed)
        expect(await send(scheme, signed, proof)).toBe('accepted')
        expect(await send(scheme, changed, proof)).toMatch(code)
      }),
      { numRuns: 1000 },
    )
  })
})
