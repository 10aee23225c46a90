import { pop } from '@oauth-pop/core'
import { expect, test } from 'vitest'
import { sendRaw, type RawRequest } from '../raw-http.ts'
import { sendToNew } from './checks.ts'
import type { Subject } from './subject.ts'

/** A credential in the body: forms, and what is no form. */
export const formCredentials: Subject = {
  refusals: ({ sign, withHeaders }) => ({
    'a form credential on GET': [
      () => ({
        method: 'GET',
        target: '/items',
        headers: withHeaders(['Content-Type', 'application/x-www-form-urlencoded']),
        body: Buffer.from(`pop_access_token=${sign()}`),
      }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['shr-form-urlencoded'],
    ],
    'a credential in a JSON body': [
      () => ({
        method: 'POST',
        target: '/items',
        headers: withHeaders(['Content-Type', 'application/json']),
        body: Buffer.from(JSON.stringify({ pop_access_token: sign({ m: 'POST' }) })),
      }),
      401,
      'ERR_POP_CREDENTIAL_MISSING',
      ['attack-21', 'shr-form-urlencoded'],
    ],
    'a form over its limit': [
      () => ({
        method: 'POST',
        target: '/items',
        headers: withHeaders(['Content-Type', 'application/x-www-form-urlencoded']),
        body: Buffer.alloc(70_000, 0x61),
      }),
      413,
      'ERR_POP_FORM_TOO_LARGE',
      ['attack-201', 'attack-215', 'answer-form-too-large'],
    ],
    'a form in two content types': [
      () => ({
        method: 'POST',
        target: '/items',
        headers: withHeaders(
          ['Content-Type', 'application/x-www-form-urlencoded'],
          ['Content-Type', 'text/plain'],
        ),
        body: Buffer.from('a=1'),
      }),
      400,
      'ERR_POP_FORM_INVALID',
      ['attack-22'],
    ],
  }),

  describe({ harness, server, fixtures }) {
    const { options, sign, withHeaders } = fixtures

    test(
      'takes a form credential only where it is enabled',
      { tags: ['shr-form', 'shr-transports-narrowed'] },
      async () => {
        const form = (): RawRequest => ({
          method: 'POST',
          target: '/items',
          headers: withHeaders(['Content-Type', 'application/x-www-form-urlencoded']),
          body: Buffer.from(`a=1&pop_access_token=${sign({ m: 'POST' })}`),
        })
        expect((await sendRaw(server().port, form())).status).toBe(200)
        const headerOnly = { ...options, schemes: [pop({ transports: ['header'] })] }
        expect((await sendToNew(harness, headerOnly, form())).status).toBe(401)
      },
    )
  },
}
