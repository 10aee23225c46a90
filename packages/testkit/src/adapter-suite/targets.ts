import { expect, test } from 'vitest'
import { sendRaw } from '../raw-http.ts'
import type { Subject } from './subject.ts'

/** The request target: its form, and the path as it was sent. */
export const targets: Subject = {
  refusals: ({ request }) => ({
    'an absolute-form target of another host': [
      () => request({ target: 'http://evil.example/items' }),
      401,
      'ERR_POP_TARGET_INVALID',
      ['attack-40', 'answer-target-elsewhere'],
    ],
    'a scheme-relative target': [
      () => request({ target: '//evil.example/items' }),
      401,
      'ERR_POP_PATH_MISMATCH',
    ],
    'a backslash in the target': [
      () => request({ target: '/\\items' }),
      401,
      'ERR_POP_TARGET_INVALID',
      ['attack-42', 'answer-target-elsewhere'],
    ],
    'a fragment in the target': [
      () => request({ target: '/items#x' }),
      401,
      'ERR_POP_TARGET_INVALID',
      ['attack-47', 'answer-target-elsewhere'],
    ],
    'encoded dots in the path': [
      () => request({ target: '/a/%2e%2e/items' }),
      401,
      'ERR_POP_PATH_MISMATCH',
    ],
    'a path in other letters': [
      () => request({ target: '/ITEMS' }),
      401,
      'ERR_POP_PATH_MISMATCH',
      ['attack-54'],
    ],
    'a path with an encoded letter': [
      () => request({ target: '/%69tems' }),
      401,
      'ERR_POP_PATH_MISMATCH',
      ['attack-44', 'attack-54'],
    ],
    'a path with a parameter': [
      () => request({ target: '/items;v=1' }),
      401,
      'ERR_POP_PATH_MISMATCH',
      ['attack-54'],
    ],
    'a path with a doubled slash': [
      () => request({ target: '//items' }),
      401,
      'ERR_POP_PATH_MISMATCH',
      ['attack-54'],
    ],
  }),

  describe({ server, fixtures }) {
    const { request } = fixtures

    test(
      'a malformed percent sequence in the path never reaches the handler',
      { tags: ['attack-55'] },
      async () => {
        const before = server().handled()
        const { status } = await sendRaw(server().port, request({ target: '/%zz' }))
        // The routers of Fastify and Nest refuse it by themselves, ahead of every hook and guard.
        expect([400, 401]).toContain(status)
        expect(server().handled()).toBe(before)
      },
    )
  },
}
