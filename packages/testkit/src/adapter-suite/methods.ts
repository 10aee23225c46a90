import { expect, test } from 'vitest'
import { sendRaw } from '../raw-http.ts'
import type { Subject } from './subject.ts'

/** The method: HEAD, OPTIONS, preflights and override headers. */
export const methods: Subject = {
  refusals: ({ request, withHeaders }) => ({
    'a GET proof on HEAD': [
      () => request({ method: 'HEAD' }),
      401,
      'ERR_POP_METHOD_MISMATCH',
      ['attack-201', 'attack-202', 'shr-method'],
    ],
    'a method that only an override header names': [
      () =>
        request({
          headers: [...request({}, { m: 'DELETE' }).headers, ['X-HTTP-Method-Override', 'DELETE']],
        }),
      401,
      'ERR_POP_METHOD_MISMATCH',
      ['attack-31'],
    ],
    'a preflight': [
      () =>
        request({
          method: 'OPTIONS',
          headers: withHeaders(
            ['Origin', 'https://app.example'],
            ['Access-Control-Request-Method', 'GET'],
          ),
        }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['attack-34'],
    ],
    'an OPTIONS request without credential': [
      () => request({ method: 'OPTIONS', headers: withHeaders(['Origin', 'https://app.example']) }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['attack-34'],
    ],
  }),

  describe({ server, fixtures }) {
    const { request } = fixtures

    test('verifies OPTIONS like any other method', async () => {
      const signed = request({ method: 'OPTIONS' }, { m: 'OPTIONS' })
      expect((await sendRaw(server().port, signed)).status).toBe(200)
    })
  },
}
