import { readFileSync } from 'node:fs'
import diagnostics from 'node:diagnostics_channel'
import {
  createVerifier,
  isPopError,
  pop,
  PopError,
  popErrorCodes,
  type AcceptedEvent,
  type RefusedEvent,
} from '@oauth-pop/core'
import { apiUrl, createClock, createHolders, popRequest, signPop } from '@oauth-pop/testkit'
import { describe, expect, test, vi } from 'vitest'

const clock = createClock()
const { holder, tokens } = createHolders()
const alice = holder()
const verifier = createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })

function send(claims: Record<string, unknown> = {}): Promise<unknown> {
  const proof = signPop(alice, clock.seconds(), claims)
  const rawHeaders = ['Host', 'api.example.com', 'Authorization', `PoP ${proof}`]
  return verifier.verify({ method: 'GET', target: '/items', rawHeaders })
}

async function refusal(claims: Record<string, unknown>): Promise<PopError> {
  try {
    await send(claims)
  } catch (error) {
    if (error instanceof PopError) return error
  }
  throw new Error('was not refused')
}

describe('PopError', () => {
  test(
    'every code has its section in docs/errors.md, and every section its code',
    { tags: ['rule-error-documented'] },
    () => {
      const text = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
      const sections = [...text.matchAll(/^#+ `?(ERR_POP_\w+)`?$/gm)].map(([, code]) => code)
      const options = ['ERR_POP_OPTION_MISSING', 'ERR_POP_OPTION_UNKNOWN', 'ERR_POP_OPTION_INVALID']
      expect(new Set(sections)).toEqual(new Set([...popErrorCodes, ...options]))
      expect(sections).toHaveLength(popErrorCodes.length + options.length)
    },
  )

  test.each(popErrorCodes)(
    '%s has a sentence that header parsers of clients take',
    { tags: ['attack-195', 'rule-error-sentence', 'shr-challenge-values'] },
    (code) => {
      const { message } = new PopError(code)
      expect(message).toMatch(/^[A-Z][A-Za-z -]+$/)
    },
  )

  test(
    'carries what frameworks read, the OAuth body, and no stack',
    { tags: ['rule-error-shape'] },
    async () => {
      const error = await refusal({ p: '/other' })
      expect(error).toMatchObject({
        code: 'ERR_POP_PATH_MISMATCH',
        error: 'invalid_token',
        status: 401,
        statusCode: 401,
        expose: true,
      })
      expect(JSON.parse(JSON.stringify(error))).toEqual({
        error: 'invalid_token',
        error_description: 'The proof was made for another path',
      })
      expect(error.stack).toBe(
        'PopError [ERR_POP_PATH_MISMATCH]: The proof was made for another path',
      )
      expect(Object.keys(error)).not.toContain('cause')
    },
  )

  test(
    'has the evidence as its cause, cut to size',
    { tags: ['attack-199', 'rule-error-evidence'] },
    async () => {
      const error = await refusal({ p: `/${'x'.repeat(1000)}` })
      expect(error.cause).toMatchObject({ member: 'p', expected: '/items' })
      expect(String((error.cause as { actual: string }).actual)).toHaveLength(256)
    },
  )
})

describe('evidence', () => {
  test.each<[string, unknown, unknown]>([
    ['text', 'abc', 'abc'],
    ['long text', 'a'.repeat(257), 'a'.repeat(256)],
    ['a number', 5, 5],
    ['a flag', false, false],
    ['nothing', undefined, undefined],
    ['null', null, 'null'],
    ['an object', { password: 'x' }, 'object'],
    ['a list', ['a', 1], 'a 1'],
    ['a list of odd things', [{ toString: 1 }, null, [1]], 'object object object'],
    ['a long list', ['a'.repeat(300), 'b'], 'a'.repeat(256)],
  ])('shows %s', { tags: ['rule-error-evidence'] }, (_, actual, shown) => {
    const { cause } = new PopError('ERR_POP_INTERNAL', { member: 'x', actual })
    expect(cause).toStrictEqual({ member: 'x', actual: shown })
    expect(Object.isFrozen(cause)).toBe(true)
  })

  test('can be the error of a dependency, as it is', () => {
    const cause = new Error('connection refused')
    expect(new PopError('ERR_POP_REPLAY_UNAVAILABLE', cause).cause).toBe(cause)
  })

  test('is not there when there is none', () => {
    expect('cause' in new PopError('ERR_POP_INTERNAL')).toBe(false)
  })
})

describe('isPopError', { tags: ['attack-212'] }, () => {
  test.each<[string, unknown, boolean]>([
    ['our own', new PopError('ERR_POP_INTERNAL'), true],
    [
      'that of another copy',
      Object.assign(new Error('x'), { name: 'PopError', code: 'ERR_POP_INTERNAL' }),
      true,
    ],
    ['any error', new Error('x'), false],
    ['an error with a code', Object.assign(new Error('x'), { code: 'ERR_POP_INTERNAL' }), false],
    ['one without a code', Object.assign(new Error('x'), { name: 'PopError' }), false],
    ['an object', { name: 'PopError', code: 'ERR_POP_INTERNAL' }, false],
    ['nothing', undefined, false],
  ])('%s', (_, error, expected) => {
    expect(isPopError(error)).toBe(expected)
  })
})

describe('events', () => {
  function collect<T>(channel: string): { events: T[]; stop: () => void } {
    const events: T[] = []
    const listen = (event: unknown): void => void events.push(event as T)
    diagnostics.subscribe(channel, listen)
    return { events, stop: () => diagnostics.unsubscribe(channel, listen) }
  }

  test('an acceptance is published with the result', { tags: ['rule-event'] }, async () => {
    const { events, stop } = collect<AcceptedEvent>('oauth-pop:accepted')
    await send()
    stop()
    expect(events).toMatchObject([
      { method: 'GET', path: '/items', accessToken: { subject: 'alice' } },
    ])
  })

  test(
    'a refusal is published with code and evidence, and without token, proof, nonce or jti',
    { tags: ['rule-event', 'rule-event-secrets'] },
    async () => {
      const { events, stop } = collect<RefusedEvent>('oauth-pop:refused')
      const secrets = { jti: 'secret-jti', nonce: 'secret-nonce' }
      for (const claims of [
        { p: '/other' },
        { m: 'POST' },
        { u: 'x.example' },
        { ts: 1 },
        { nonce: 5 },
        { q: 'x' },
      ]) {
        await refusal({ ...secrets, ...claims })
      }
      stop()
      expect(events.map(({ code }) => code)).toEqual([
        'ERR_POP_PATH_MISMATCH',
        'ERR_POP_METHOD_MISMATCH',
        'ERR_POP_HOST_MISMATCH',
        'ERR_POP_PROOF_EXPIRED',
        'ERR_POP_PROOF_MEMBER_INVALID',
        'ERR_POP_PROOF_MEMBER_INVALID',
      ])
      expect(events[0]).toMatchObject({
        method: 'GET',
        path: '/items',
        status: 401,
        scheme: 'PoP',
        cause: { member: 'p' },
      })
      expect(JSON.stringify(events)).not.toMatch(/secret|eyJ/)
      expect(JSON.stringify(events)).not.toContain(alice.accessToken)
    },
  )
})

describe('evidence for the type of a proof', () => {
  test.each<[string, string | undefined, object, string, string]>([
    ['of another', 'at+jwt', {}, 'at+jwt', 'none pop jwt'],
    ['of none', undefined, { schemes: [pop({ typ: 'pop' })] }, 'none', 'pop'],
  ])('%s', async (_, typ, options, actual, expected) => {
    const own = createVerifier({
      publicUrl: apiUrl,
      tokens,
      now: clock.now,
      ...options,
    })
    const proof = signPop(alice, clock.seconds(), {}, { typ })
    await expect(own.verify(popRequest(proof))).rejects.toMatchObject({
      code: 'ERR_POP_PROOF_TYPE',
      cause: { member: 'typ', expected, actual },
    })
  })
})

describe('the path of events', () => {
  test.each<[string, string]>([
    ['/items?pop_access_token=eyJ.secret&a=1', '/items'],
    ['/items?', '/items'],
    ['/a%20b//c;d', '/a%20b//c;d'],
    ['/items#pop_access_token=eyJ.secret', '/items'],
    ['http://api.example.com/items?a=1', 'http://api.example.com/items'],
    [`/${'x'.repeat(300)}`, `/${'x'.repeat(255)}`],
    ['*', '*'],
  ])('of %s is %s', { tags: ['rule-event', 'rule-event-secrets'] }, async (target, path) => {
    const events: RefusedEvent[] = []
    const listen = (event: unknown): void => void events.push(event as RefusedEvent)
    diagnostics.subscribe('oauth-pop:refused', listen)
    const anonymous = { method: 'OPTIONS', target, rawHeaders: ['Host', 'api.example.com'] }
    await verifier.verify(anonymous).catch(() => undefined)
    diagnostics.unsubscribe('oauth-pop:refused', listen)
    expect(events).toMatchObject([{ method: 'OPTIONS', path }])
  })
})

describe('the lines of NODE_DEBUG=oauth-pop', () => {
  test(
    'say what happened, on one line, without token, proof, nonce or jti',
    { tags: ['attack-199', 'rule-event-secrets', 'rule-event-one-line'] },
    async () => {
      const lines: string[] = []
      vi.resetModules()
      vi.doMock(import('node:util'), async (original) => {
        const util = await original()
        const log = (text: string, ...values: unknown[]): void =>
          void lines.push(util.format(text, ...values))
        return { ...util, debuglog: () => Object.assign(log, { enabled: true }) }
      })
      const fresh = await import('@oauth-pop/core')
      vi.doUnmock('node:util')
      const own = fresh.createVerifier({ publicUrl: apiUrl, tokens, now: clock.now })
      const secrets = { jti: 'secret-jti', nonce: 'secret-nonce' }
      for (const claims of [secrets, secrets, { ...secrets, p: '/other\r\nfaked' }]) {
        const request = popRequest(signPop(alice, clock.seconds(), claims))
        await own.verify(request).catch(() => undefined)
      }
      expect(lines).toEqual([
        'accepted PoP "GET /items": token of client "app"',
        'refused PoP "GET /items": 401 ERR_POP_PROOF_REPLAYED: The proof has been used before {}',
        expect.stringMatching(
          /^refused PoP "GET \/items": 401 ERR_POP_PATH_MISMATCH: .*\/other\\r\\nfaked/,
        ),
      ])
      expect(lines.join('')).not.toMatch(/[\r\n]|secret|eyJ/)
      expect(lines.join('')).not.toContain(alice.accessToken)
    },
  )
})

describe('AccessToken', () => {
  test(
    'cannot be edited, and does not print its token',
    { tags: ['attack-211', 'rule-result-frozen', 'rule-result-token-hidden'] },
    async () => {
      const { accessToken } = (await send()) as Awaited<ReturnType<typeof verifier.verify>>
      expect(accessToken.token).toBe(alice.accessToken)
      expect(JSON.stringify(accessToken)).not.toContain(alice.accessToken)
      const edits = [
        () => Object.assign(accessToken, { subject: 'mallory' }),
        () => Object.assign(accessToken.claims, { sub: 'mallory' }),
        () => (accessToken.scopes as string[]).push('admin'),
        () => Object.assign(accessToken.coverage, { body: true }),
        () => Object.assign(accessToken.claims['cnf'] as object, { jwk: {} }),
      ]
      for (const edit of edits) expect(edit).toThrow(TypeError)
    },
  )
})
