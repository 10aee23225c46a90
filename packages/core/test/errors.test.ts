import { readFileSync } from 'node:fs'
import diagnostics from 'node:diagnostics_channel'
import {
  createVerifier,
  PopError,
  popErrorCodes,
  type AcceptedEvent,
  type RefusedEvent,
} from '@oauth-pop/core'
import { apiUrl, createClock, createHolders, signPop } from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'

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
  test('every code has its section in docs/errors.md, and every section its code', () => {
    const text = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
    const sections = [...text.matchAll(/^#+ `?(ERR_POP_\w+)`?$/gm)].map(([, code]) => code)
    const options = ['ERR_POP_OPTION_MISSING', 'ERR_POP_OPTION_UNKNOWN', 'ERR_POP_OPTION_INVALID']
    expect(new Set(sections)).toEqual(new Set([...popErrorCodes, ...options]))
    expect(sections).toHaveLength(popErrorCodes.length + options.length)
  })

  test.each(popErrorCodes)('%s has a sentence that header parsers of clients take', (code) => {
    const { message } = new PopError(code)
    expect(message).toMatch(/^[A-Z][A-Za-z -]+$/)
  })

  test('carries what frameworks read, the OAuth body, and no stack', async () => {
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
  })

  test('has the evidence as its cause, cut to size', async () => {
    const error = await refusal({ p: `/${'x'.repeat(1000)}` })
    expect(error.cause).toMatchObject({ member: 'p', expected: '/items' })
    expect(String((error.cause as { actual: string }).actual)).toHaveLength(256)
  })
})

describe('events', () => {
  function collect<T>(channel: string): { events: T[]; stop: () => void } {
    const events: T[] = []
    const listen = (event: unknown): void => void events.push(event as T)
    diagnostics.subscribe(channel, listen)
    return { events, stop: () => diagnostics.unsubscribe(channel, listen) }
  }

  test('an acceptance is published with the result', async () => {
    const { events, stop } = collect<AcceptedEvent>('oauth-pop:accepted')
    await send()
    stop()
    expect(events.map(({ accessToken }) => accessToken.subject)).toEqual(['alice'])
  })

  test('a refusal is published with code and evidence, and without token, proof, nonce or jti', async () => {
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
    expect(events[0]).toMatchObject({ status: 401, scheme: 'PoP', cause: { member: 'p' } })
    expect(JSON.stringify(events)).not.toMatch(/secret|eyJ/)
    expect(JSON.stringify(events)).not.toContain(alice.accessToken)
  })
})

describe('AccessToken', () => {
  test('cannot be edited, and does not print its token', async () => {
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
  })
})
