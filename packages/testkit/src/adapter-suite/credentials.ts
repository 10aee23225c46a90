import { expect, test } from 'vitest'
import { signDpop } from '../builders.ts'
import { sendRaw, type RawRequest } from '../raw-http.ts'
import { watchRefusals } from './checks.ts'
import type { Subject } from './subject.ts'

/** The Authorization header: schemes, repeats, malformed and long credentials. */
export const credentials: Subject = {
  refusals: ({ clock, signedByDpop, sign, request, withHeaders }) => ({
    'no credential': [
      () => request({ headers: withHeaders() }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['answer-no-credential', 'answer-no-store', 'answer-handler-not-run'],
    ],
    'a scheme that is not enabled': [
      () => request({ headers: withHeaders(['Authorization', 'Basic YTpi']) }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['answer-scheme-disabled'],
    ],
    'a scheme that only begins like ours': [
      () => request({ headers: withHeaders(['Authorization', `Popular ${sign()}`]) }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['shr-scheme-whole-word'],
    ],
    'two Authorization lines': [
      () =>
        request({
          headers: withHeaders(
            ['Authorization', `PoP ${sign()}`],
            ['authorization', `PoP ${sign()}`],
          ),
        }),
      400,
      'ERR_POP_CREDENTIAL_REPEATED',
      ['answer-several-credentials'],
    ],
    'a DPoP credential with two proofs': [
      () =>
        request({
          headers: withHeaders(
            ['Authorization', `DPoP ${signedByDpop.accessToken}`],
            ['DPoP', signDpop(signedByDpop, clock.seconds())],
            ['dpop', signDpop(signedByDpop, clock.seconds())],
          ),
        }),
      401,
      'ERR_POP_PROOF_REPEATED',
    ],
    'a comma-joined list of credentials': [
      () => request({ headers: withHeaders(['Authorization', `PoP ${sign()}, Bearer abc`]) }),
      400,
      'ERR_POP_CREDENTIAL_MALFORMED',
      ['answer-credential-malformed'],
    ],
    'a credential as auth-param': [
      () => request({ headers: withHeaders(['Authorization', `PoP token="${sign()}"`]) }),
      400,
      'ERR_POP_CREDENTIAL_MALFORMED',
      ['answer-credential-malformed'],
    ],
    'a credential after a tab': [
      () => request({ headers: withHeaders(['Authorization', `PoP\t${sign()}`]) }),
      400,
      'ERR_POP_CREDENTIAL_MALFORMED',
    ],
    'a credential with bytes beyond ASCII': [
      () => request({ headers: withHeaders(['Authorization', 'PoP caf\u00e9\u00ff']) }),
      400,
      'ERR_POP_CREDENTIAL_MALFORMED',
      ['attack-19'],
    ],
    'an empty credential': [
      () => request({ headers: withHeaders(['Authorization', 'PoP ']) }),
      400,
      'ERR_POP_CREDENTIAL_MALFORMED',
    ],
  }),

  describe({ harness, server, fixtures }) {
    const { options, clock, signedByDpop, request, withHeaders } = fixtures

    test('lets a valid request through', async () => {
      const response = await sendRaw(server().port, request())
      expect(response.status).toBe(200)
      expect(JSON.parse(response.body)).toMatchObject({
        scheme: 'PoP',
        subject: 'alice',
        scopes: ['read', 'write'],
      })
    })

    test('lets a valid DPoP request through', async () => {
      const headers = withHeaders(
        ['Authorization', `DPoP ${signedByDpop.accessToken}`],
        ['DPoP', signDpop(signedByDpop, clock.seconds())],
      )
      const response = await sendRaw(server().port, request({ headers }))
      expect(response.status).toBe(200)
    })

    test(
      'refuses a credential of more than 16384 characters',
      { tags: ['attack-28', 'attack-217', 'shr-credential-length'] },
      async () => {
        const form = (length: number): RawRequest => ({
          method: 'POST',
          target: '/items',
          headers: withHeaders(['Content-Type', 'application/x-www-form-urlencoded']),
          body: Buffer.from(`pop_access_token=${'A'.repeat(length)}`),
        })
        const own = await harness.start({ ...options, maxBodyBytes: 100_000 })
        const refused = await watchRefusals(async () => {
          expect((await sendRaw(own.port, form(16_384))).status).toBe(401)
          expect((await sendRaw(own.port, form(16_385))).status).toBe(400)
        })
        await own.close()
        expect(refused).toEqual(['ERR_POP_PROOF_MALFORMED', 'ERR_POP_CREDENTIAL_TOO_LONG'])
      },
    )
  },
}
