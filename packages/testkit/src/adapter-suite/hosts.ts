import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signDpop } from '../builders.ts'
import { sendRaw, type RawRequest, type RawResponse } from '../raw-http.ts'
import { watchRefusals } from './checks.ts'
import type { AdapterServer } from './harness.ts'
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

    describe('with publicUrl request, behind a proxy that is trusted', () => {
      let own: AdapterServer
      beforeAll(async () => {
        own = await harness.start({ ...options, publicUrl: 'request' }, { trustsProxy: true })
      })
      afterAll(() => own.close())

      /** A proof for `https://public.example.com`, at a host of the inner network. */
      const forwarded = (host: string, protocol: string): Promise<RawResponse> => {
        const htu = 'https://public.example.com/items'
        const headers: RawRequest['headers'] = [
          ['Host', 'internal.example'],
          ['X-Forwarded-Host', host],
          ['X-Forwarded-Proto', protocol],
          ['Authorization', `DPoP ${signedByDpop.accessToken}`],
          ['DPoP', signDpop(signedByDpop, clock.seconds(), { htu })],
        ]
        return sendRaw(own.port, request({ headers }))
      }

      test.each([
        ['a path', 'public.example.com/items'],
        ['a slash', 'public.example.com/'],
        ['a query', 'public.example.com?id=7'],
        ['a fragment', 'public.example.com#top'],
        ['a user', 'user@public.example.com'],
        ['a user and a password', 'user:secret@public.example.com'],
        ['a backslash', 'public.example.com\\items'],
      ])(
        'refuses a forwarded host with %s',
        { tags: ['attack-38', 'attack-39', 'rule-location-forwarded'] },
        async (_case, host) => {
          const before = own.handled()
          const refused = await watchRefusals(async () => {
            expect((await forwarded(host, 'https')).status).toBe(400)
          })
          expect([refused, own.handled()]).toEqual([['ERR_POP_HOST_INVALID'], before])
        },
      )

      test.each([
        ['https', 200],
        ['https,http', 200],
        ['HTTPS, http', 200],
        ['wss', 200],
        ['http', 401],
        ['http,https', 401],
        ['ws', 401],
      ])(
        'by the forwarded protocol %s, a proof for https is %i',
        { tags: ['rule-location-request'] },
        async (protocol, status) => {
          expect((await forwarded('public.example.com', protocol)).status).toBe(status)
        },
      )
    })

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
