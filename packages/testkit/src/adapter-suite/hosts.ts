import { expect, test } from 'vitest'
import { signDpop } from '../builders.ts'
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
    const { options, clock, signedByDpop, sign, request } = fixtures

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

    test(
      'of two public URLs, the one that Host names is the one that a proof must name',
      { tags: ['attack-53', 'rule-location-several'] },
      async () => {
        const names = ['api.example.com', 'other.example.com']
        const publicUrl = names.map((name) => `https://${name}`)
        const own = await harness.start({ ...options, publicUrl })
        const ask = async (host: string, ...headers: RawRequest['headers']): Promise<number> =>
          (await sendRaw(own.port, request({ headers: [['Host', host], ...headers] }))).status
        const byPop = (host: string, u: string): Promise<number> =>
          ask(host, ['Authorization', `PoP ${sign({ u })}`])
        const byDpop = (host: string, name: string): Promise<number> => {
          const proof = signDpop(signedByDpop, clock.seconds(), { htu: `https://${name}/items` })
          return ask(host, ['Authorization', `DPoP ${signedByDpop.accessToken}`], ['DPoP', proof])
        }
        const answers: Record<string, readonly number[]> = {}
        for (const host of [...names, 'internal.example', 'OTHER.example.com', 'third.example.com'])
          for (const name of names)
            answers[`${name} at ${host}`] = [await byPop(host, name), await byDpop(host, name)]
        await own.close()
        expect(answers).toEqual({
          'api.example.com at api.example.com': [200, 200],
          'other.example.com at api.example.com': [401, 401],
          'api.example.com at other.example.com': [401, 401],
          'other.example.com at other.example.com': [200, 200],
          'api.example.com at OTHER.example.com': [401, 401],
          'other.example.com at OTHER.example.com': [200, 200],
          'api.example.com at internal.example': [200, 200],
          'other.example.com at internal.example': [200, 200],
          'api.example.com at third.example.com': [200, 200],
          'other.example.com at third.example.com': [200, 200],
        })
      },
    )
  },
}
