import { expect, test } from 'vitest'
import { sendRaw } from '../raw-http.ts'
import type { Subject } from './subject.ts'

/** Routes where a credential is optional. */
export const optional: Subject = {
  describe({ harness, fixtures }) {
    const { options, request, withHeaders } = fixtures

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
  },
}
