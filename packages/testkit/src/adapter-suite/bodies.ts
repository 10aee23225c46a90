import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { hashOf } from '../builders.ts'
import {
  encodeRequest,
  sendInPieces,
  sendRaw,
  type RawRequest,
  type RawResponse,
} from '../raw-http.ts'
import { checkRefusal, readStatuses, watchRefusals } from './checks.ts'
import type { Subject } from './subject.ts'

/** Signed bodies: their hash, limit, coding, pieces and deadline. */
export const bodies: Subject = {
  refusals: ({ post }) => ({
    'a proof for another body': [
      () => post(Buffer.from('{"a":2}'), { b: hashOf('{"a":1}') }),
      401,
      'ERR_POP_BODY_MISMATCH',
      ['attack-176', 'shr-body-hash'],
    ],
    'a body over the limit': [
      () => post(Buffer.alloc(1001), { b: hashOf('') }),
      413,
      'ERR_POP_BODY_TOO_LARGE',
      ['answer-body-too-large', 'answer-no-challenge-for-outage'],
    ],
    'a chunked body over the limit': [
      () => post(Buffer.alloc(1001), { b: hashOf('') }, { chunkBytes: 100 }),
      413,
      'ERR_POP_BODY_TOO_LARGE',
      ['answer-body-too-large'],
    ],
    'a body over the limit that never ends': [
      () => post(Buffer.alloc(1001), { b: hashOf('') }, { truncate: true }),
      413,
      'ERR_POP_BODY_TOO_LARGE',
    ],
    'a chunked body over the limit that never ends': [
      () => post(Buffer.alloc(1001), { b: hashOf('') }, { chunkBytes: 100, truncate: true }),
      413,
      'ERR_POP_BODY_TOO_LARGE',
    ],
  }),

  describe({ server, fixtures }) {
    const { sign, request, withHeaders, post } = fixtures

    test('accepts a body of exactly the limit', async () => {
      const body = Buffer.alloc(1000, 0x61)
      expect((await sendRaw(server().port, post(body, { b: hashOf(body) }))).status).toBe(200)
    })

    test.each([
      ['as it is', {}],
      ['in chunks', { chunkBytes: 3 }],
    ])('verifies a signed body sent %s', async (_, change) => {
      const body = Buffer.from('{"name":"dog"}')
      const response = await sendRaw(server().port, post(body, { b: hashOf(body) }, change))
      expect(response.status).toBe(200)
      expect(JSON.parse(response.body)).toMatchObject({ coverage: { body: true } })
    })

    test.each([
      ['of known length', {}],
      ['in chunks', { chunkBytes: 100 }],
    ])('verifies a signed body %s that arrives in pieces', async (_, change) => {
      const body = Buffer.alloc(900, 0x61)
      const good = post(body, { b: hashOf(body) }, change)
      expect((await sendInPieces(server().port, good, 64)).status).toBe(200)
      const bad = post(body, { b: hashOf(body.subarray(1)) }, change)
      expect((await sendInPieces(server().port, bad, 64)).status).toBe(401)
    })

    test(
      'hashes a compressed body as it travels',
      { tags: ['attack-178', 'shr-body-coded'] },
      async () => {
        const body = gzipSync('{"name":"dog"}')
        const headers = (claims: Record<string, unknown>): RawRequest['headers'] =>
          withHeaders(
            ['Content-Type', 'application/octet-stream'],
            ['Content-Encoding', 'gzip'],
            ['Authorization', `PoP ${sign({ m: 'POST', ...claims })}`],
          )
        const send = (b: string): Promise<RawResponse> =>
          sendRaw(server().port, {
            method: 'POST',
            target: '/items',
            headers: headers({ b }),
            body,
          })
        expect((await send(hashOf(body))).status).toBe(200)
        expect((await send(hashOf('{"name":"dog"}'))).status).toBe(401)
      },
    )

    test('keeps the connection usable after a refusal because of the body', async () => {
      const wrong = post(Buffer.from('{"a":2}'), { b: hashOf('{"a":1}') })
      const both = Buffer.concat([encodeRequest(wrong), encodeRequest(request())])
      expect(await readStatuses(server().port, both, 2)).toEqual([401, 200])
    })

    test('survives a client that goes away in the middle of a signed body', async () => {
      const half = post(Buffer.from('abcdef'), { b: hashOf('abcdef') }, { truncate: true })
      const refused = await watchRefusals(async () => {
        const socket = connect(server().port, '127.0.0.1', () => socket.write(encodeRequest(half)))
        setTimeout(() => socket.destroy(), 100)
        await new Promise((resolve) => socket.once('close', resolve))
        expect((await sendRaw(server().port, request())).status).toBe(200)
      })
      expect(refused).toEqual(['ERR_POP_BODY_ABORTED'])
    })

    test(
      'answers a body that never ends within its deadline',
      { timeout: 20_000, tags: ['attack-221', 'answer-body-timeout'] },
      async () => {
        const endless = post(Buffer.from('abcdef'), { b: hashOf('abcdef') }, { truncate: true })
        const response = await sendRaw(server().port, endless)
        expect(response.status).toBe(408)
        checkRefusal(response, 408)
      },
    )
  },
}
