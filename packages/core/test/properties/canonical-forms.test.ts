import { createVerifier, PopError, type ReplayEntry, type TokenResolver } from '@oauth-pop/core'
import { apiUrl, hashOf } from '@oauth-pop/testkit'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { compareHeaders } from '../../src/binding/headers.ts'
import { compareQuery } from '../../src/binding/query.ts'
import { sha256OfParts } from '../../src/hash.ts'
import {
  clock,
  host,
  createSigner,
  popClaims,
  dpopClaims,
  ascending,
  edits,
  edit,
} from './fixtures.ts'

// Room for a busy machine: all of them together take some seconds.
vi.setConfig({ testTimeout: 60_000 })

describe('P6: different requests never hash alike', () => {
  const chars = fc.constantFrom(...'ab=&%+[.:1 '.split(''))
  const textOf = (max: number): fc.Arbitrary<string> => fc.string({ unit: chars, maxLength: max })
  const anEdit = edits('ab=&%+[.:1 ')

  const segmentsOf = (query: string): string[] => query.split('&').filter((raw) => raw !== '')
  const nameOf = (raw: string): string => raw.split('=', 1)[0] ?? ''

  /** Pairs of name and value that a proof can cover. */
  const coverable = fc
    .uniqueArray(
      fc.tuple(
        textOf(3).map((text) => text.replace(/[=&]/g, '')),
        textOf(4).map((text) => text.replaceAll('&', '')),
      ),
      { maxLength: 4, selector: ([name]) => name },
    )
    .map((pairs) => pairs.map(([name, value]) => `${name}=${value}`))

  /** Another query, often a close one: an edit, a permutation, a repetition. */
  const arrivals = (segments: readonly string[]): fc.Arbitrary<string> => {
    const query = segments.join('&')
    return fc.oneof(
      textOf(12),
      fc.shuffledSubarray([...segments], { minLength: 0 }).map((some) => some.join('&')),
      fc.constant(`${query}&${query}`),
      ...(query === '' ? [] : [anEdit.map((change) => edit(query, change))]),
    )
  }

  const accepts = (compare: () => unknown): boolean => {
    try {
      compare()
      return true
    } catch (error) {
      if (error instanceof PopError) return false
      throw error
    }
  }
  const rules = { form: 'draft', uncovered: 'reject' } as const
  const acceptsQuery = (names: readonly string[], value: string, query: string): boolean =>
    accepts(() => compareQuery({ names, value }, query, 'pop_access_token', rules))

  // Parsers nest at these, decode these, or read none of them as a name.
  const isPlain = (raw: string): boolean => /^[^%+[\].?=]+=/.test(raw)

  test('a query is accepted iff it has the signed parameters and no other, nested ones in order', () => {
    const pair = coverable.chain((signed) => fc.tuple(fc.constant(signed), arrivals(signed)))
    fc.assert(
      fc.property(pair, ([signed, query]) => {
        const [names, value] = [signed.map(nameOf), hashOf(signed.join('&'))]
        expect(acceptsQuery(names, value, signed.join('&'))).toBe(true)
        const same = segmentsOf(query).toSorted().join('&') === signed.toSorted().join('&')
        const inOrder = segmentsOf(query).join('&') === signed.join('&')
        const accepted = acceptsQuery(names, value, query)
        // Nested names in another order may be refused.
        const isExact = inOrder || !same || signed.every(isPlain)
        expect(accepted).toBe(isExact ? same : accepted)
      }),
      { numRuns: 3000 },
    )
  })

  test('one hash belongs to one list of names', () => {
    const pair = coverable.chain((signed) =>
      fc.tuple(fc.constant(signed), arrivals(signed), fc.array(textOf(5), { maxLength: 3 })),
    )
    fc.assert(
      fc.property(pair, ([signed, query, odd]) => {
        const value = hashOf(signed.join('&'))
        const own = segmentsOf(query).map(nameOf)
        for (const names of [own, own.toReversed(), own.slice(1), [own.join('&')], odd]) {
          if (JSON.stringify(names) === JSON.stringify(signed.map(nameOf))) continue
          expect(acceptsQuery(names, value, query)).toBe(false)
        }
      }),
      { numRuns: 3000 },
    )
  })

  test('headers are accepted iff each signed one is there once with its value', () => {
    const name = fc.constantFrom('a', 'b', 'a-b', 'ab')
    const value = fc.string({ unit: fc.constantFrom(...'ab: \t,-\u00e9'.split('')), maxLength: 6 })
    const line = fc.tuple(name, value)
    const signedLines = fc
      .uniqueArray(line, { maxLength: 4, selector: ([own]) => own })
      .map((lines) => lines.filter(([, text]) => text.trim() !== ''))
    const arrival = signedLines.chain((lines) =>
      fc.tuple(
        fc.constant(lines),
        fc.oneof(
          fc.array(line, { maxLength: 5 }),
          fc.shuffledSubarray([...lines, ...lines]),
          line.map((added) => [...lines, added]),
        ),
        fc.shuffledSubarray(['a', 'b', 'a-b', 'ab', 'A', 'a: a', 'a\nb']),
      ),
    )
    const accepted = (
      names: readonly string[],
      hash: string,
      lines: [string, string][],
    ): boolean => {
      const rawHeaders = lines.flat()
      return accepts(() =>
        compareHeaders({ names, value: hash }, { method: 'GET', target: '/', rawHeaders }),
      )
    }
    fc.assert(
      fc.property(arrival, ([signed, lines, others]) => {
        const names = signed.map(([own]) => own)
        const text = signed.map(([own, content]) => `${own}: ${content.trim()}`).join('\n')
        const hash = hashOf(Buffer.from(text, 'latin1'))
        const same = signed.every(([own, content]) => {
          const [found, ...more] = lines.filter(([other]) => other === own)
          return found?.[1].trim() === content.trim() && more.length === 0
        })
        expect(accepted(names, hash, lines)).toBe(same)
        if (others.join() === names.join()) return
        expect(accepted(others, hash, lines)).toBe(false)
      }),
      { numRuns: 3000 },
    )
  })

  test('a text cut in different places, or other texts, gives different ids', () => {
    const cuts = fc.array(fc.nat({ max: 12 }), { maxLength: 4 })
    const cut = (text: string, at: readonly number[]): string[] =>
      [0, ...at.toSorted(ascending), text.length].map((start, index, all) =>
        text.slice(start, all[index + 1] ?? text.length),
      )
    const list = (text: fc.Arbitrary<string>) => fc.array(text, { maxLength: 3 })
    const digits = fc.string({ unit: fc.constantFrom(...'0123:a'.split('')), maxLength: 12 })
    const parts = fc.oneof(
      fc.tuple(digits, cuts, cuts).map(([text, a, b]) => [cut(text, a), cut(text, b)] as const),
      fc.tuple(list(digits), list(digits)),
      fc.tuple(list(fc.string({ unit: 'binary' })), list(fc.string({ unit: 'binary' }))),
    )
    fc.assert(
      fc.property(parts, ([first, second]) => {
        const same = JSON.stringify(first) === JSON.stringify(second)
        expect(sha256OfParts(...first) === sha256OfParts(...second)).toBe(same)
      }),
      // Alike, if lengths ran into what follows them.
      { numRuns: 3000, examples: [[[['2'.repeat(12)], ['2', '22', '22', '22', '22']]]] },
    )
  })

  test('replay ids are one for each scheme, key and identifier', async () => {
    const signers = { a: await createSigner('EdDSA'), b: await createSigner('EdDSA') }
    const resolve: TokenResolver['resolve'] = (token, context) =>
      signers[token as keyof typeof signers].tokens.resolve(token, context)
    const ids: string[] = []
    const claim = async ({ id }: ReplayEntry): Promise<boolean> => ids.push(id) > 0
    const verifier = createVerifier({
      publicUrl: apiUrl,
      tokens: { resolve },
      now: clock.now,
      replay: { claim },
    })
    const send = {
      PoP(at: keyof typeof signers, jti: string) {
        const proof = signers[at].compact({}, { ...popClaims, at, jti })
        return ['Authorization', `PoP ${proof}`]
      },
      DPoP(at: keyof typeof signers, jti: string) {
        const { compact, jwk } = signers[at]
        const claims = { ...dpopClaims, ath: hashOf(at), jti }
        return ['Authorization', `DPoP ${at}`, 'DPoP', compact({ typ: 'dpop+jwt', jwk }, claims)]
      },
    }
    const use = fc.tuple(
      fc.constantFrom<(keyof typeof send)[]>('PoP', 'DPoP'),
      fc.constantFrom<(keyof typeof signers)[]>('a', 'b'),
      fc.string({ unit: fc.constantFrom('1', ':', 'a'), minLength: 1, maxLength: 3 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(use, { maxLength: 8 }), async (uses) => {
        ids.length = 0
        for (const [scheme, who, jti] of uses) {
          const rawHeaders = [...host, ...send[scheme](who, jti)]
          await verifier.verify({ method: 'GET', target: '/items', rawHeaders })
        }
        expect(ids).toHaveLength(uses.length)
        expect(new Set(ids).size).toBe(new Set(uses.map((one) => JSON.stringify(one))).size)
      }),
      { numRuns: 100 },
    )
  })
})
