import diagnostics from 'node:diagnostics_channel'
import type { ReplayStore } from '@oauth-pop/core'
import { expect, test } from 'vitest'
import { hashOf } from '../builders.ts'
import { sendRaw, type RawRequest } from '../raw-http.ts'
import { valuesOf } from './checks.ts'
import type { Fixtures } from './fixtures.ts'
import type { Route } from './harness.ts'
import type { Subject } from './subject.ts'

interface Published {
  readonly code: string
  readonly mode: string
}

/** What would be refused, and why. */
function listFailures(fixtures: Fixtures): Readonly<Record<string, readonly [RawRequest, string]>> {
  const { request, withHeaders, post, sign } = fixtures
  const body = Buffer.alloc(1001, 0x61)
  return {
    'without a credential': [request({ headers: withHeaders() }), 'ERR_POP_CREDENTIAL_MISSING'],
    'for another path': [request({}, { p: '/other' }), 'ERR_POP_PATH_MISMATCH'],
    'out of time': [request({}, { ts: 1 }), 'ERR_POP_PROOF_EXPIRED'],
    'with two credentials': [
      request({
        headers: withHeaders(['Authorization', `PoP ${sign()}`], ['Authorization', 'PoP a']),
      }),
      'ERR_POP_CREDENTIAL_REPEATED',
    ],
    'with another body': [post(Buffer.from('{}'), { b: hashOf('') }), 'ERR_POP_BODY_MISMATCH'],
    'with a body over the limit': [post(body, { b: hashOf(body) }), 'ERR_POP_BODY_TOO_LARGE'],
  }
}

/** `mode: 'report'`. */
export const report: Subject = {
  describe({ harness, fixtures }) {
    const { options, request } = fixtures

    async function sendReporting(
      change: { readonly replay?: ReplayStore; readonly route?: Route },
      requests: readonly RawRequest[],
    ): Promise<{
      answers: { status: number; body: string; secured: number }[]
      events: Published[]
    }> {
      const { route, ...rest } = change
      const server = await harness.start({ ...options, mode: 'report', ...rest }, route)
      const events: Published[] = []
      const listen = (event: unknown): void => {
        const { code, mode } = event as Published
        events.push({ code, mode })
      }
      diagnostics.subscribe('oauth-pop:refused', listen)
      try {
        const answers = []
        for (const one of requests) {
          const { status, headers, body } = await sendRaw(server.port, one)
          const secured = valuesOf(headers, 'www-authenticate').length
          answers.push({ status, body, secured })
        }
        return { answers, events }
      } finally {
        diagnostics.unsubscribe('oauth-pop:refused', listen)
        await server.close()
      }
    }

    const passed = { status: 200, body: '{"anonymous":true}', secured: 0 }

    test(
      'with mode report, what fails goes on without a token, and the refusal is published',
      { tags: ['rule-report'] },
      async () => {
        const failures = Object.values(listFailures(fixtures))
        const { answers, events } = await sendReporting(
          {},
          failures.map(([one]) => one),
        )
        expect(answers).toEqual(failures.map(() => passed))
        expect(events).toEqual(failures.map(([, code]) => ({ code, mode: 'report' })))
      },
    )

    test(
      'with mode report, a replay goes on without a token, and so does everything while the store is down',
      { tags: ['rule-report'] },
      async () => {
        const once = request()
        const replayed = await sendReporting({}, [once, once])
        expect(replayed.answers[0]?.body).toContain('"subject":"alice"')
        expect(replayed.answers[1]).toEqual(passed)
        const replay = { claim: () => Promise.reject(new Error('x')) }
        const down = await sendReporting({ replay }, [request()])
        expect([replayed.events, down.events, down.answers]).toEqual([
          [{ code: 'ERR_POP_PROOF_REPLAYED', mode: 'report' }],
          [{ code: 'ERR_POP_REPLAY_UNAVAILABLE', mode: 'report' }],
          [passed],
        ])
      },
    )

    test(
      'with mode report, a guard refuses a request without a verified token',
      { tags: ['rule-report'] },
      async () => {
        const route = { guards: { token: true } } as const
        const { answers, events } = await sendReporting({ route }, [
          request({}, { p: '/other' }),
          request(),
        ])
        expect(answers.map(({ status }) => status)).toEqual([401, 200])
        expect(events).toEqual([
          { code: 'ERR_POP_PATH_MISMATCH', mode: 'report' },
          { code: 'ERR_POP_CREDENTIAL_MISSING', mode: 'enforce' },
        ])
      },
    )
  },
}
