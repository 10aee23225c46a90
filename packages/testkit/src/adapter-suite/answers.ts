import { expect, test } from 'vitest'
import { encodeRequest, sendRaw } from '../raw-http.ts'
import { readStatuses } from './checks.ts'
import type { Subject } from './subject.ts'

/** Refusals are constant, reflect nothing and keep the connection. */
export const answers: Subject = {
  describe({ server, fixtures }) {
    const { sign, request, withHeaders } = fixtures

    test(
      'answers the same wrong request alike, whatever it carries, and reflects nothing',
      { tags: ['attack-195', 'attack-196', 'answer-nothing-reflected'] },
      async () => {
        const refuse = async (canary: string): Promise<object> => {
          const proof = sign({ p: `/${canary}", x="\r\nX-Injected: 1` })
          const target = `/items?${canary}=1`
          const headers = withHeaders(['Authorization', `PoP ${proof}`], ['X-Odd', `"${canary}"`])
          const response = await sendRaw(server().port, request({ target, headers }))
          expect(response.status).toBe(401)
          expect(JSON.stringify(response)).not.toContain(canary)
          expect(JSON.stringify(response)).not.toContain(proof)
          expect(JSON.stringify(response)).not.toMatch(/x-injected/i)
          return { ...response, headers: response.headers.filter(([header]) => header !== 'date') }
        }
        expect(await refuse('canary-7f3a')).toEqual(await refuse('another-canary-0b'))
      },
    )

    test('keeps the connection of a refused request usable', async () => {
      const both = Buffer.concat([
        encodeRequest(request({ headers: withHeaders() })),
        encodeRequest(request()),
      ])
      const statuses = await readStatuses(server().port, both, 2)
      expect(statuses).toEqual([401, 200])
    })
  },
}
