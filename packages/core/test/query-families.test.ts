import { createVerifier, pop, requireCoverage, type HttpRequest } from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  hashOf,
  outcomeOf,
  popRequest,
  signPop,
} from '@oauth-pop/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareQuery } from '../src/binding/query.ts'

const clock = createClock()
const { holder, tokens } = createHolders()
const alice = holder()
const schemes = [pop({ uncoveredQuery: 'allow' })]
const verifier = createVerifier({ publicUrl: apiUrl, tokens, schemes, now: clock.now })

function signedQuery(names: readonly string[], text: string, sent: string): HttpRequest {
  const claims = { q: [names, hashOf(text)] }
  return popRequest(signPop(alice, clock.seconds(), claims), { target: `/items?${sent}` })
}

describe('a signed parameter', () => {
  /** Ways in which form parsers put a parameter into another one. */
  const folds: readonly ((name: string) => string)[] = [
    (name) => name,
    (name) => `${name}[]`,
    (name) => `${name}[0]`,
    (name) => `${name}[x][y]`,
    (name) => `[${name}]`,
    (name) => `[${name}][x]`,
    (name) => `[[${name}]]`,
    (name) => `${name}.x`,
    (name) => `?${name}`,
    (name) => `${name}[`,
    (name) => `${name}]`,
  ]
  const encodeAll = (text: string): string =>
    text.replace(/./g, (character) => `%${character.charCodeAt(0).toString(16)}`)
  const spellings: readonly ((text: string) => string)[] = [
    (text) => text,
    encodeAll,
    (text) => encodeAll(text).toUpperCase(),
    (text) => text.replace(/[[\].?]/g, encodeAll),
    (text) => encodeAll(text.slice(0, 1)) + text.slice(1),
  ]
  const neighbour = fc
    .tuple(fc.constantFrom(...folds), fc.constantFrom(...spellings), fc.boolean())
    .map(([fold, spell, isBare]) => `${spell(fold('to'))}${isBare ? '' : '=mallory'}`)
  const rules = { form: 'auto', uncovered: 'allow' } as const

  test(
    'has no unsigned neighbour that a parser folds into it, in whatever spelling and place',
    { tags: ['shr-query-pollution'] },
    () => {
      fc.assert(
        fc.property(
          neighbour,
          fc.constantFrom('to=alice', 'to[a]=alice', 'to.a=alice', '[to]=alice'),
          fc.boolean(),
          (other, own, isFirst) => {
            const [name = ''] = own.split('=')
            const query = isFirst ? `${other}&z=1&${own}` : `${own}&z=1&${other}`
            const signed = { names: [name], value: hashOf(own) }
            const compare = (): unknown => compareQuery(signed, query, 'pop_access_token', rules)
            expect(compare).toThrow(/signed query|not signed/)
            // The same without the neighbour is accepted.
            expect(compareQuery(signed, `${own}&z=1`, 'pop_access_token', rules).query).toEqual([
              name,
            ])
          },
        ),
        { numRuns: 500 },
      )
    },
  )

  test.each([
    ['cannot be decoded', ['a'], 'a=1', 'a=1&%zz=2'],
    ['is not UTF-8', ['a'], 'a=1', 'a=1&%ff=2'],
    ['is empty', ['a'], 'a=1', 'a=1&=2'],
    ['is all brackets', ['a'], 'a=1', 'a=1&[]=2'],
  ])(
    'has no unsigned neighbour whose name %s',
    { tags: ['shr-query-pollution'] },
    async (_, names, text, sent) => {
      const request = signedQuery(names, text, sent)
      expect(await outcomeOf(verifier.verify(request))).toBe('ERR_POP_QUERY_UNCOVERED')
    },
  )

  test(
    'whose own name cannot be decoded stands alone',
    { tags: ['shr-query-pollution'] },
    async () => {
      const ask = (sent: string): Promise<string> =>
        outcomeOf(verifier.verify(signedQuery(['%61%zz'], '%61%zz=1', sent)))
      expect(await ask('%61%zz=1')).toBe('accepted')
      expect(await ask('%61%zz=1&a%25zz=2')).toBe('ERR_POP_QUERY_UNCOVERED')
    },
  )

  test.each([
    ['a list', 'ids[]=1&ids[0]=9', 'ids[0]=9&ids[]=1'],
    ['a value and its member', 'f=1&f[owner]=2', 'f[owner]=2&f=1'],
    ['two names in doubt', '%zz=1&%25zz=2', '%25zz=2&%zz=1'],
  ])(
    'keeps its place beside those of the same root: %s',
    { tags: ['shr-query-pollution'] },
    async (_, text, reordered) => {
      const names = text.split('&').map((segment) => segment.split('=')[0] ?? '')
      const ask = (sent: string): Promise<string> =>
        outcomeOf(verifier.verify(signedQuery(names, text, sent)))
      expect(await ask(text)).toBe('accepted')
      expect(await ask(reordered)).toBe('ERR_POP_QUERY_MISMATCH')
    },
  )

  test.each([
    ['in front', (count: number) => `${'&'.repeat(count)}id=7`],
    ['behind', (count: number) => `id=7${'&'.repeat(count)}`],
    ['unsigned', (count: number) => `${'z&'.repeat(count)}id=7`],
  ])(
    'is one of at most 1,000 parts, empty ones counted: %s',
    { tags: ['shr-query-readable'] },
    async (_, sent) => {
      const ask = (count: number): Promise<string> =>
        outcomeOf(verifier.verify(signedQuery(['id'], 'id=7', sent(count))))
      expect(await ask(999)).toBe('accepted')
      expect(await ask(1000)).toBe('ERR_POP_QUERY_UNREADABLE')
    },
  )

  test(
    'of a query that is signed as text is one of at most 1,000 parts',
    { tags: ['shr-query-readable'] },
    async () => {
      const ask = (query: string): Promise<string> => {
        const proof = signPop(alice, clock.seconds(), { q: [[], query] })
        return outcomeOf(verifier.verify(popRequest(proof, { target: `/items?${query}` })))
      }
      expect(await ask(`${'&'.repeat(999)}id=7`)).toBe('accepted')
      expect(await ask(`${'&'.repeat(1000)}id=7`)).toBe('ERR_POP_QUERY_UNREADABLE')
    },
  )
})

test(
  'a query that is signed as text covers a parameter only in the letters of the request',
  { tags: ['rule-guard-coverage'] },
  async () => {
    const ask = async (query: string): Promise<string> => {
      const proof = signPop(alice, clock.seconds(), { q: [[], 'dryrun=true'] })
      const request = popRequest(proof, { target: `/items?${query}` })
      const { accessToken } = await verifier.verify(request)
      const guard = requireCoverage({ query: ['dryRun'] })
      return outcomeOf((async () => guard({ verifier, accessToken }))())
    }
    expect(await ask('dryRun=true')).toBe('accepted')
    expect(await ask('dryrun=true')).toBe('ERR_POP_COVERAGE_MISSING')
  },
)
