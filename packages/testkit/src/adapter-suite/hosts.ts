import { expect, test } from 'vitest'
import { sendRaw, type RawRequest } from '../raw-http.ts'
import type { Subject } from './subject.ts'

/** The Host header, forwarded hosts, and the host of `publicUrl`. */
export const hosts: Subject = {
  refusals: ({ sign, request }) => ({
    'two Host lines': [
      () => request({ headers: [['Host', 'a.example'], ...request().headers] }),
      400,
      'ERR_POP_HOST_INVALID',
      ['attack-36', 'answer-host-invalid'],
    ],
    'an empty Host': [
      () =>
        request({
          headers: [
            ['Host', ''],
            ['Authorization', `PoP ${sign()}`],
          ],
        }),
      400,
      'ERR_POP_HOST_INVALID',
      ['attack-37', 'answer-host-invalid'],
    ],
    'a Host with userinfo': [
      () =>
        request({
          headers: [
            ['Host', 'api.example.com@evil.example'],
            ['Authorization', `PoP ${sign()}`],
          ],
        }),
      400,
      'ERR_POP_HOST_INVALID',
      ['attack-38', 'answer-host-invalid'],
    ],
    'a Host with a path': [
      () =>
        request({
          headers: [
            ['Host', 'api.example.com/evil'],
            ['Authorization', `PoP ${sign()}`],
          ],
        }),
      400,
      'ERR_POP_HOST_INVALID',
      ['attack-39', 'answer-host-invalid'],
    ],
    'a proof for a host that only forwarded headers name': [
      () =>
        request({
          headers: [
            ...request({}, { u: 'evil.example' }).headers,
            ['X-Forwarded-Host', 'evil.example'],
            ['Forwarded', 'host=evil.example'],
          ],
        }),
      401,
      'ERR_POP_HOST_MISMATCH',
      ['attack-49', 'rule-location-forwarded'],
    ],
  }),

  describe({ harness, fixtures }) {
    const { options, sign, request } = fixtures

    test(
      'with publicUrl request, compares with the host that the framework sees',
      { tags: ['rule-location-request', 'rule-location-forwarded'] },
      async () => {
        const own = await harness.start({ ...options, publicUrl: 'request' })
        const headers = (host: string): RawRequest['headers'] => [
          ['Host', host],
          ['Authorization', `PoP ${sign()}`],
        ]
        const right = await sendRaw(own.port, request({ headers: headers('api.example.com') }))
        const other = await sendRaw(own.port, request({ headers: headers('other.example.com') }))
        const forwarded = await sendRaw(
          own.port,
          request({
            headers: [...headers('other.example.com'), ['X-Forwarded-Host', 'api.example.com']],
          }),
        )
        await own.close()
        expect([right.status, other.status, forwarded.status]).toEqual([200, 401, 401])
      },
    )
  },
}
