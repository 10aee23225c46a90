import { pop, type AccessToken } from '@oauth-pop/core'
import { expect, test } from 'vitest'
import { sendRaw } from '../raw-http.ts'
import type { Subject } from './subject.ts'

/** Routes where a credential is optional. */
export const optional: Subject = {
  describe({ harness, fixtures }) {
    const { options, sign, request, withHeaders } = fixtures

    test(
      'with optional, lets an absent credential pass and refuses a bad one',
      { tags: ['attack-214', 'rule-optional'] },
      async () => {
        const own = await harness.start({ ...options, optional: true })
        const absent = await sendRaw(own.port, request({ headers: withHeaders() }))
        const bad = await sendRaw(own.port, request({}, { p: '/other' }))
        await own.close()
        expect([absent.status, JSON.parse(absent.body)]).toEqual([200, { anonymous: true }])
        expect(bad.status).toBe(401)
      },
    )

    test(
      'with optional, an access token that somebody set before is not there for the handler',
      { tags: ['rule-optional'] },
      async () => {
        const unverified = { scheme: 'PoP', subject: 'mallory' } as AccessToken
        const own = await harness.start({ ...options, optional: true }, { unverified })
        const absent = await sendRaw(own.port, request({ headers: withHeaders() }))
        const signed = await sendRaw(own.port, request())
        await own.close()
        expect([absent.status, JSON.parse(absent.body)]).toEqual([200, { anonymous: true }])
        expect(JSON.parse(signed.body)).toMatchObject({ subject: 'alice' })
      },
    )

    test(
      'with optional and proofs under Bearer, refuses each that is broken',
      { tags: ['attack-214', 'rule-optional', 'shr-bearer-scheme'] },
      async () => {
        const schemes = [pop({ bearerScheme: true })]
        const own = await harness.start({ ...options, schemes, optional: true })
        const ask = async (credential: string): Promise<number> => {
          const headers = withHeaders(['Authorization', `Bearer ${credential}`])
          return (await sendRaw(own.port, request({ headers }))).status
        }
        const whole = sign()
        const [header = '', payload = '', signature = ''] = sign().split('.')
        const answers = {
          whole: await ask(whole),
          'for another path': await ask(sign({ p: '/other' })),
          'sent again': await ask(whole),
          'of another payload': await ask(`${header}.${payload.slice(1)}.${signature}`),
          'without a signature': await ask(`${header}.${payload}.`),
          'without its end': await ask(`${header}.${payload}`),
        }
        await own.close()
        expect(answers).toEqual({
          whole: 200,
          'for another path': 401,
          'sent again': 401,
          'of another payload': 401,
          'without a signature': 401,
          'without its end': 401,
        })
      },
    )
  },
}
