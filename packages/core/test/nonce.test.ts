import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { AuthenticationHeaderParser } from '@azure/msal-common'
import { createVerifier, PopError, type NonceOptions } from '@oauth-pop/core'
import { apiUrl, createClock, createHolders, signDpop, signPop } from '@oauth-pop/testkit'
import { describe, expect, test, vi } from 'vitest'

const { holder, tokens } = createHolders()
const alice = holder()
const dana = holder('jkt')
const secret = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

function createServer(
  nonce: NonceOptions,
  clock = createClock(),
  publicUrl: string | string[] = apiUrl,
): {
  clock: typeof clock
  pop: (nonce?: string) => Promise<Answer>
  dpop: (nonce?: string) => Promise<Answer>
  anonymous: () => Promise<Answer>
} {
  const verifier = createVerifier({ publicUrl, tokens, nonce, now: clock.now })
  const claims = (value?: string): object => (value === undefined ? {} : { nonce: value })
  const send = async (...headers: string[]): Promise<Answer> => {
    try {
      const rawHeaders = ['Host', 'api.example.com', ...headers]
      const { responseHeaders } = await verifier.verify({
        method: 'GET',
        target: '/items',
        rawHeaders,
      })
      return { outcome: 'accepted', headers: Object.fromEntries(responseHeaders) }
    } catch (error) {
      if (!(error instanceof PopError)) throw error
      return { outcome: error.error ?? error.code, headers: error.headers }
    }
  }
  return {
    clock,
    anonymous: () => send(),
    pop: (value) =>
      send('Authorization', `PoP ${signPop(alice, clock.seconds(), { ...claims(value) })}`),
    dpop: (value) =>
      send(
        'Authorization',
        `DPoP ${dana.accessToken}`,
        'DPoP',
        signDpop(dana, clock.seconds(), { ...claims(value) }),
      ),
  }
}

interface Answer {
  readonly outcome: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
}

function popNonce({ headers }: Answer): string {
  const found = /^PoP nonce="([\w-]+)", realm="api\.example\.com", error="use_pop_nonce"/.exec(
    String(headers['www-authenticate']),
  )
  return found?.[1] ?? 'none'
}

describe('server nonces', () => {
  test(
    'a proof without one is asked for it, and accepted with it',
    { tags: ['shr-nonce-server', 'answer-pop-nonce', 'answer-dpop-nonce'] },
    async () => {
      const server = createServer({})
      const challenge = await server.pop()
      expect(challenge.outcome).toBe('use_pop_nonce')
      const accepted = await server.pop(popNonce(challenge))
      expect(accepted).toEqual({ outcome: 'accepted', headers: {} })
      const dpop = await server.dpop()
      expect(dpop.outcome).toBe('use_dpop_nonce')
      expect((await server.dpop(String(dpop.headers['dpop-nonce']))).outcome).toBe('accepted')
    },
  )

  test(
    'a nonce of one scheme is none for the other, and one of another secret is none at all',
    { tags: ['rule-nonce-purpose', 'rule-nonce-secrets'] },
    async () => {
      const server = createServer({ secrets: [secret(1)] })
      const nonce = popNonce(await server.pop())
      expect((await server.dpop(nonce)).outcome).toBe('use_dpop_nonce')
      expect((await createServer({ secrets: [secret(2)] }).pop(nonce)).outcome).toBe(
        'use_pop_nonce',
      )
      expect((await createServer({ secrets: [secret(1)] }).pop(nonce)).outcome).toBe('accepted')
    },
  )

  test(
    'a nonce of another API with the same secret is none here',
    { tags: ['rule-nonce-purpose'] },
    async () => {
      const other = createServer({ secrets: [secret(1)] }, createClock(), [
        apiUrl,
        'https://other.example.com',
      ])
      const nonce = popNonce(await other.pop())
      expect((await other.pop(nonce)).outcome).toBe('accepted')
      expect((await createServer({ secrets: [secret(1)] }).pop(nonce)).outcome).toBe(
        'use_pop_nonce',
      )
    },
  )

  test('a clock two slots away is too far, either way', async () => {
    for (const seconds of [1_790_000_000 - 600, 1_790_000_000 + 600]) {
      const elsewhere = createServer({ secrets: [secret(1)] }, createClock(seconds))
      const nonce = popNonce(await elsewhere.pop())
      const here = createServer({ secrets: [secret(1)] }, createClock(1_790_000_000))
      expect((await here.pop(nonce)).outcome).toBe('use_pop_nonce')
    }
  })

  test(
    'an ageing nonce still works and is replaced; an old one does not',
    { tags: ['shr-nonce-rotation'] },
    async () => {
      const server = createServer({ lifetimeSeconds: 100 })
      const nonce = popNonce(await server.pop())
      server.clock.advance(100)
      const ageing = await server.pop(nonce)
      expect(ageing.outcome).toBe('accepted')
      const [, next = ''] =
        /^PoP nextnonce="([\w-]+)"$/.exec(String(ageing.headers['authentication-info'])) ?? []
      server.clock.advance(100)
      expect((await server.pop(nonce)).outcome).toBe('use_pop_nonce')
      expect((await server.pop(next)).outcome).toBe('accepted')
    },
  )

  test(
    'secrets rotate: the first mints, all verify',
    { tags: ['rule-nonce-secrets'] },
    async () => {
      const nonce = popNonce(await createServer({ secrets: [secret(1)] }).pop())
      expect((await createServer({ secrets: [secret(2), secret(1)] }).pop(nonce)).outcome).toBe(
        'accepted',
      )
    },
  )

  test('a clock one slot behind the one that minted is good enough', async () => {
    const ahead = createServer({ secrets: [secret(1)] }, createClock(1_790_000_300))
    const nonce = popNonce(await ahead.pop())
    expect(
      (await createServer({ secrets: [secret(1)] }, createClock(1_790_000_000)).pop(nonce)).outcome,
    ).toBe('accepted')
  })

  test(
    'offered, it is not demanded; a nonce of the client passes, a stale one of ours does not',
    { tags: ['rule-nonce-offered'] },
    async () => {
      const server = createServer({ required: false, lifetimeSeconds: 100 })
      const offered = await server.pop()
      expect(offered.outcome).toBe('accepted')
      const [, nonce = ''] =
        /nextnonce="([\w-]+)"/.exec(String(offered.headers['authentication-info'])) ?? []
      const lengths = Array.from({ length: 64 }, (_, index) => index + 1)
      for (const count of [...lengths, nonce.length])
        expect([count, (await server.pop('A'.repeat(count))).outcome]).toEqual([count, 'accepted'])
      server.clock.advance(300)
      expect((await server.pop(nonce)).outcome).toBe('use_pop_nonce')
    },
  )

  test(
    "MSAL's own parser finds the nonce in every challenge and in its successor",
    { tags: ['shr-challenge-nonce-first', 'shr-nonce-rotation', 'answer-pop-nonce'] },
    async () => {
      const read = (name: string, value: unknown): string =>
        new AuthenticationHeaderParser({ [name]: String(value) }).getShrNonce()
      const server = createServer({ lifetimeSeconds: 100 })
      const challenge = await server.pop()
      const nonce = read('WWW-Authenticate', challenge.headers['www-authenticate'])
      expect((await server.pop(nonce)).outcome).toBe('accepted')
      const stale = await server.pop('A'.repeat(32))
      expect(read('WWW-Authenticate', stale.headers['www-authenticate'])).toBe(nonce)
      server.clock.advance(100)
      const next = read(
        'Authentication-Info',
        (await server.pop(nonce)).headers['authentication-info'],
      )
      expect((await server.pop(next)).outcome).toBe('accepted')
      const both = await createServer({}).anonymous()
      const lines = both.headers['www-authenticate'] as readonly string[]
      expect(read('WWW-Authenticate', lines.join(', '))).toMatch(/^pop1-[\w-]{32}$/)
    },
  )

  test(
    'without a credential, the challenges give nonces already',
    { tags: ['answer-nonce-offered', 'answer-realm'] },
    async () => {
      const verifier = createVerifier({ publicUrl: apiUrl, tokens, nonce: {} })
      const request = { method: 'GET', target: '/', rawHeaders: ['Host', 'api.example.com'] }
      await expect(verifier.verify(request)).rejects.toMatchObject({
        headers: {
          'www-authenticate': [
            expect.stringMatching(/^PoP nonce="pop1-[\w-]{32}", realm=/),
            expect.stringMatching(/^DPoP realm=/),
          ],
          'dpop-nonce': expect.stringMatching(/^pop1-[\w-]{32}$/) as string,
        },
      })
    },
  )

  describe('the HMAC of a slot is made once', () => {
    async function hmacsOf(send: () => Promise<Answer>): Promise<[string, number]> {
      const createHmac = vi.spyOn(crypto, 'createHmac')
      syncBuiltinESMExports()
      try {
        const { outcome } = await send()
        return [outcome, createHmac.mock.calls.length]
      } finally {
        createHmac.mockRestore()
        syncBuiltinESMExports()
      }
    }

    test.each([true, false])('with nonce time %j', async (time) => {
      const server = createServer({ time, lifetimeSeconds: 100 })
      const forPop = popNonce(await server.pop())
      const forDpop = String((await server.dpop()).headers['dpop-nonce'])
      for (const none of [0, 0]) {
        expect(await hmacsOf(() => server.pop(forPop))).toEqual(['accepted', none])
        expect(await hmacsOf(() => server.dpop(forDpop))).toEqual(['accepted', none])
      }
      server.clock.advance(100)
      for (const next of [1, 0]) {
        expect(await hmacsOf(() => server.pop(forPop))).toEqual(['accepted', next])
        expect(await hmacsOf(() => server.dpop(forDpop))).toEqual(['accepted', next])
      }
    })

    test('and not at all for a nonce whose time is over', async () => {
      const server = createServer({ secrets: [secret(1)], lifetimeSeconds: 100 })
      const nonce = popNonce(await server.pop())
      server.clock.advance(200)
      // One for the nonce of the refusal.
      expect(await hmacsOf(() => server.pop(nonce))).toEqual(['use_pop_nonce', 1])
    })

    test('nor for any number of made-up ones', async () => {
      const server = createServer({})
      const nonce = popNonce(await server.pop())
      for (let index = 0; index < 20; index += 1) {
        const forged = `${nonce.slice(0, -2)}${index.toString().padStart(2, '0')}`
        expect(await hmacsOf(() => server.pop(forged))).toEqual(['use_pop_nonce', 0])
      }
    })
  })
})
