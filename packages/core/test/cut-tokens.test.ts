import { inspect } from 'node:util'
import { bearer, createVerifier, PopError, type TokenResolver } from '@oauth-pop/core'
import { apiUrl } from '@oauth-pop/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bearerRequest } from './bearer-request.ts'

/** What shows of a refusal, at any depth, with this token. */
async function shownOf(token: string, fail: (token: string) => never): Promise<string> {
  const tokens: TokenResolver = { resolve: async (given) => fail(given) }
  const verifier = createVerifier({ publicUrl: apiUrl, tokens, schemes: [bearer()] })
  try {
    await verifier.verify(bearerRequest(token))
    return 'accepted'
  } catch (error) {
    const { code, cause } = error as PopError
    return inspect({ code, cause }, { depth: 20, showHidden: true, maxStringLength: null })
  }
}

/** No run of so many characters of a token is shown: no less could be used. */
const longestRun = 16

function runOf(token: string, shown: string): string | undefined {
  for (let at = 0; at + longestRun <= token.length; at += 1) {
    const run = token.slice(at, at + longestRun)
    if (shown.includes(run)) return run
  }
  return undefined
}

const characters = Array.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/',
)
const anyToken = fc
  .array(fc.constantFrom(...characters), { minLength: longestRun, maxLength: 2000 })
  .map((parts) => parts.join(''))

const refuse = (evidence: ConstructorParameters<typeof PopError>[1]): never => {
  throw new PopError('ERR_POP_TOKEN_INACTIVE', evidence)
}

/** Whoever names the token in what is thrown, wherever evidence is cut. */
const ways: Readonly<Record<string, (text: string) => never>> = {
  'evidence as the actual value': (actual) => refuse({ member: 'token', actual }),
  'evidence as the expected value': (expected) => refuse({ member: 'token', expected }),
  'evidence as one of a list': (text) => refuse({ member: 'token', actual: ['a', text, 'b'] }),
  'evidence as the member': (member) => refuse({ member, actual: 1 }),
  'the cause of a refusal': (text) => refuse(new Error(text)),
  'an error': (text) => {
    throw new Error(text)
  },
  'the cause of an error': (text) => {
    throw new Error('no answer', { cause: new Error(text) })
  },
}

test.each(Object.entries(ways))(
  'no part of a token is shown that a resolver put into %s',
  { tags: ['rule-evidence-whole', 'attack-198'] },
  async (_, way) => {
    const build = fc.record({
      token: anyToken,
      before: fc.integer({ min: 0, max: 300 }),
      from: fc.nat(2000),
      length: fc.integer({ min: longestRun, max: 2000 }),
    })
    await fc.assert(
      fc.asyncProperty(build, async ({ token, before, from, length }) => {
        const part = token.slice(from % token.length, (from % token.length) + length)
        const shown = await shownOf(token, () => way(`${'=x '.repeat(before / 3)}${part} after`))
        expect(runOf(token, shown)).toBeUndefined()
      }),
      { numRuns: 60 },
    )
  },
)

test('what a resolver says besides is shown', { tags: ['rule-evidence-whole'] }, async () => {
  const token = 'a-token-of-some-length-0123456789'
  const shown = await shownOf(token, () =>
    refuse({ member: 'token', actual: `no row for ${token.slice(0, 20)} in tokens` }),
  )
  expect(shown).toContain('no row for [token] in tokens')
})
