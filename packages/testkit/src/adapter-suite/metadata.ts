import { dpop } from '@oauth-pop/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendRaw, type RawRequest, type RawResponse } from '../raw-http.ts'
import type { AdapterServer } from './harness.ts'
import type { Subject } from './subject.ts'

const path = '/.well-known/oauth-protected-resource/v1'
const url = `https://api.example.com${path}`

/** The document of RFC 9728, and challenges that name it. */
export const metadata: Subject = {
  describe({ harness, fixtures, server }) {
    const { options, request, withHeaders } = fixtures

    describe('with metadata', { tags: ['metadata-served', 'metadata-challenge'] }, () => {
      let own: AdapterServer
      beforeAll(async () => {
        own = await harness.start({
          ...options,
          schemes: [dpop()],
          metadata: {
            resource: 'https://api.example.com/v1',
            authorizationServers: 'https://as.example.com',
          },
        })
      })
      afterAll(() => own.close())
      const ask = (change: Partial<RawRequest>): Promise<RawResponse> =>
        sendRaw(own.port, request({ headers: withHeaders(), ...change }))

      test('serves the document to anybody, at its path alone', async () => {
        const found = await ask({ target: path })
        expect(JSON.parse(found.body)).toMatchObject({
          resource: 'https://api.example.com/v1',
          authorization_servers: ['https://as.example.com'],
          dpop_bound_access_tokens_required: true,
        })
        expect(found.status).toBe(200)
        expect(Object.fromEntries(found.headers)).toMatchObject({
          'content-type': 'application/json',
          'cache-control': 'public, max-age=3600',
          'access-control-allow-origin': '*',
        })
        expect((await ask({ target: `${path}?a=1` })).body).toBe(found.body)
        const head = await ask({ target: path, method: 'HEAD' })
        expect([head.status, head.body]).toEqual([200, ''])
        expect(own.handled()).toBe(0)
      })

      test.each([
        ['POST', path],
        ['GET', `${path}/more`],
        ['GET', `${path}more`],
        ['GET', '/.well-known/oauth-protected-resource'],
        ['GET', `//x${path}`],
        ['GET', path.replace('/v1', '/%761')],
      ])('protects %s %s like any other path', async (method, target) => {
        const { status } = await ask({ method, target })
        expect([status, own.handled()]).toEqual([401, 0])
      })

      test('every challenge says where it is', async () => {
        const refused = [
          await ask({}),
          await ask({ headers: withHeaders(['Authorization', 'DPoP token']) }),
        ]
        const challenges = refused.map(({ headers }) =>
          headers.filter(([name]) => name === 'www-authenticate').map(([, value]) => value),
        )
        expect(challenges).toEqual([
          [expect.stringContaining(`resource_metadata="${url}"`)],
          [expect.stringContaining(`resource_metadata="${url}"`)],
        ])
      })
    })

    test('without metadata, nothing is served and no challenge names it', async () => {
      const { status, headers } = await sendRaw(
        server().port,
        request({ target: path, headers: withHeaders() }),
      )
      expect([status, JSON.stringify(headers).includes('resource_metadata')]).toEqual([401, false])
    })
  },
}
