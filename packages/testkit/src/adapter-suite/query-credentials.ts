import { expect, test } from 'vitest'
import { sendRaw } from '../raw-http.ts'
import { valuesOf } from './checks.ts'
import type { Subject } from './subject.ts'

/** A credential in the query, and what its answers must say. */
export const queryCredentials: Subject = {
  refusals: ({ sign, request, withHeaders }) => ({
    'a credential in header and query': [
      () => ({ ...request(), target: `/items?pop_access_token=${sign()}` }),
      400,
      'ERR_POP_CREDENTIAL_REPEATED',
      ['answer-several-credentials'],
    ],
    'a query credential beside a form credential': [
      () => ({
        method: 'POST',
        target: `/items?pop_access_token=${sign()}`,
        headers: withHeaders(['Content-Type', 'application/x-www-form-urlencoded']),
        body: Buffer.from(`pop_access_token=${sign()}`),
      }),
      400,
      'ERR_POP_CREDENTIAL_REPEATED',
    ],
    'a query credential beside an empty one': [
      () =>
        request({
          target: `/items?pop_access_token=${sign()}&pop_access_token=`,
          headers: withHeaders(),
        }),
      400,
      'ERR_POP_CREDENTIAL_REPEATED',
    ],
    'an encoded parameter name beside a plain one': [
      () =>
        request({
          target: `/items?pop%5Faccess%5Ftoken=${sign()}&pop_access_token=${sign()}`,
          headers: withHeaders(),
        }),
      400,
      'ERR_POP_CREDENTIAL_REPEATED',
    ],
    'a parameter of a prototype': [
      () =>
        request({
          target: `/items?__proto__[pop_access_token]=${sign()}`,
          headers: withHeaders(),
        }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['attack-24'],
    ],
    'a parameter in other letters': [
      () => request({ target: `/items?POP_ACCESS_TOKEN=${sign()}`, headers: withHeaders() }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
    ],
  }),

  describe({ harness, fixtures }) {
    const { options, sign, request, withHeaders } = fixtures

    test(
      'keeps a query credential out of shared caches, whatever the handler says',
      { tags: ['attack-25', 'answer-query-private', 'answer-query-referrer'] },
      async () => {
        const handlerSays = async (cacheControl: string): Promise<readonly string[]> => {
          const own = await harness.start(options, { headers: { 'cache-control': cacheControl } })
          const target = `/items?pop_access_token=${sign()}`
          const { status, headers } = await sendRaw(
            own.port,
            request({ target, headers: withHeaders() }),
          )
          await own.close()
          expect(status).toBe(200)
          expect(valuesOf(headers, 'referrer-policy')).toEqual(['no-referrer'])
          return valuesOf(headers, 'cache-control')
        }
        expect(await handlerSays('public, max-age=60')).toEqual(['private'])
        expect(await handlerSays('public, private')).toEqual(['private'])
        expect(await handlerSays('private="set-cookie"')).toEqual(['private'])
        expect(await handlerSays('no-store')).toEqual(['no-store'])
      },
    )

    test(
      'an error of the handler keeps the rules for a query credential',
      { tags: ['answer-query-error'] },
      async () => {
        const own = await harness.start(options, { failure: 'broken' })
        const target = `/items?pop_access_token=${sign()}`
        const response = await sendRaw(own.port, request({ target, headers: withHeaders() }))
        await own.close()
        expect([response.status, own.handled()]).toEqual([500, 1])
        expect(valuesOf(response.headers, 'cache-control')).toEqual(['private'])
        expect(valuesOf(response.headers, 'referrer-policy')).toEqual(['no-referrer'])
      },
    )
  },
}
