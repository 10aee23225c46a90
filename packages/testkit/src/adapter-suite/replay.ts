import { connect } from 'node:net'
import { memoryReplayStore } from '@oauth-pop/core'
import { expect, test } from 'vitest'
import { encodeRequest, sendRaw } from '../raw-http.ts'
import type { Subject } from './subject.ts'

/** A proof is used up once. */
export const replay: Subject = {
  describe({ harness, server, fixtures }) {
    const { options, clock, request } = fixtures

    test(
      'lets exactly one of a thousand identical requests through',
      { timeout: 60_000, tags: ['attack-129', 'rule-replay-once'] },
      async () => {
        const same = request()
        const before = server().handled()
        const sent = Array.from({ length: 1000 }, () => sendRaw(server().port, same))
        const statuses = (await Promise.all(sent)).map(({ status }) => status)
        expect(statuses.filter((status) => status === 200)).toHaveLength(1)
        expect(statuses.filter((status) => status === 401)).toHaveLength(999)
        expect(server().handled() - before).toBe(1)
      },
    )

    test(
      'a client that goes away once its proof is claimed has used it up',
      { tags: ['attack-145'] },
      async () => {
        const store = memoryReplayStore({ now: clock.now })
        let leave = async (): Promise<void> => {}
        const claim: typeof store.claim = async (entry) => {
          const isFirst = await store.claim(entry)
          await leave()
          return isFirst
        }
        const own = await harness.start({ ...options, replay: { claim } })
        const same = request()
        const socket = connect(own.port, '127.0.0.1', () => socket.write(encodeRequest(same)))
        await new Promise<void>((resolve) => {
          leave = () => {
            leave = async () => {}
            const closed = new Promise<void>((gone) => void socket.once('close', () => gone()))
            socket.resetAndDestroy()
            return closed.then(resolve)
          }
        })
        expect((await sendRaw(own.port, same)).status).toBe(401)
        expect((await sendRaw(own.port, request())).status).toBe(200)
        await own.close()
      },
    )
  },
}
