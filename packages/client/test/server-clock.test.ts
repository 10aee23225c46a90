import { createPopFetch, type PopFetchOptions } from '@oauth-pop/client'
import {
  memoryReplayStore,
  popMiddleware,
  type PopMiddlewareOptions,
  type TokenResolver,
} from '@oauth-pop/express'
import { createClock, listen, type AdapterServer, type FakeClock } from '@oauth-pop/testkit'
import express from 'express'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { key, tokens } from './bound-key.ts'

interface Api {
  readonly url: string
  /** The time of every proof that has arrived, in seconds. */
  readonly times: number[]
}

const servers: AdapterServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

/** An API whose clock is `clock`, and that says `date` of it: nothing when that is undefined. */
async function start(
  clock: FakeClock,
  date: () => string | undefined = () => new Date(clock.now()).toUTCString(),
  options: Partial<PopMiddlewareOptions> = {},
): Promise<Api> {
  const times: number[] = []
  const app = express()
  app.set('env', 'test')
  app.use((request, response, next) => {
    const [, payload = ''] = (request.headers.authorization ?? '').split('.')
    const { ts } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { ts: number }
    times.push(ts)
    const text = date()
    response.sendDate = false
    if (text !== undefined) response.setHeader('date', text)
    next()
  })
  const replay = memoryReplayStore({ restartGuard: 'off', now: clock.now })
  app.use(popMiddleware({ publicUrl: 'request', tokens, replay, now: clock.now, ...options }))
  app.use((_request, response) => void response.end('ok'))
  const server = await listen(app)
  servers.push(server)
  return { url: `http://127.0.0.1:${server.port}/`, times }
}

function create(own: FakeClock, options: Partial<PopFetchOptions> = {}): typeof fetch {
  return createPopFetch({ accessToken: 'token', key, now: own.now, ...options })
}

const minute = 60
const day = 24 * 60 * minute

describe('a clock that is not the one of the server', () => {
  test.each([
    ['an hour behind', -60 * minute],
    ['an hour ahead', 60 * minute],
    ['a day behind', -day],
    ['a day ahead', day],
    ['a little too far behind', -301],
    ['a little too far ahead', 31],
  ])(
    '%s is corrected by the Date of the refusal, once',
    { tags: ['rule-client-clock'] },
    async (_, seconds) => {
      const clock = createClock()
      const own = createClock(clock.seconds() + seconds)
      const { url, times } = await start(clock)
      const popFetch = create(own)
      expect((await popFetch(url)).status).toBe(200)
      expect(times).toEqual([own.seconds(), clock.seconds()])
      own.advance(10)
      clock.advance(10)
      expect((await popFetch(url)).status).toBe(200)
      expect(times.slice(2)).toEqual([clock.seconds()])
    },
  )

  test('is corrected beside a nonce, each once', async () => {
    const clock = createClock()
    const { url, times } = await start(clock, undefined, { nonce: {} })
    const popFetch = create(createClock(clock.seconds() - 60 * minute))
    expect([(await popFetch(url)).status, times.length]).toEqual([200, 3])
    expect([(await popFetch(url)).status, times.length]).toEqual([200, 5])
  })

  test('is corrected for every one of many calls at a time', async () => {
    const clock = createClock()
    const { url, times } = await start(clock)
    const popFetch = create(createClock(clock.seconds() + 60 * minute))
    const all = await Promise.all(Array.from({ length: 20 }, () => popFetch(url)))
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]))
    expect(times.length).toBeLessThanOrEqual(40)
    expect([(await popFetch(url)).status, times.at(-1)]).toEqual([200, clock.seconds()])
  })

  test('is corrected again when it is set right', async () => {
    const clock = createClock()
    const own = createClock(clock.seconds() + 60 * minute)
    const { url, times } = await start(clock)
    const popFetch = create(own)
    await popFetch(url)
    own.set(clock.seconds())
    expect((await popFetch(url)).status).toBe(200)
    expect(times.slice(2)).toEqual([clock.seconds() - 60 * minute, clock.seconds()])
  })

  test('is corrected for that server alone', { tags: ['rule-client-clock'] }, async () => {
    const own = createClock()
    const [wrong, right] = [createClock(own.seconds() + 60 * minute), createClock(own.seconds())]
    const [one, other] = [await start(wrong), await start(right)]
    const popFetch = create(own)
    expect((await popFetch(one.url)).status).toBe(200)
    expect((await popFetch(other.url)).status).toBe(200)
    expect(other.times).toEqual([own.seconds()])
  })

  const now = createClock()
  const dates: Readonly<Record<string, () => string | undefined>> = {
    'says more than a day': () => new Date(now.now() + (day + 1) * 1000).toUTCString(),
    'says the opposite': () => new Date(now.now() - 60 * minute * 1000).toUTCString(),
    'says the same': () => new Date(now.now()).toUTCString(),
    'says nonsense': () => 'yesterday',
    'says nothing': () => undefined,
  }
  test.each(Object.entries(dates))(
    'stays as it is when the server %s',
    { tags: ['rule-client-clock'] },
    async (_, date) => {
      const { url, times } = await start(createClock(now.seconds() + 60 * minute), date)
      expect((await create(now)(url)).status).toBe(401)
      expect(times).toEqual([now.seconds()])
    },
  )

  test('is taken again when the server refuses its own Date', async () => {
    const clock = createClock(now.seconds() + 60 * minute)
    const said = new Date(now.now() + minute * 1000).toUTCString()
    const { url, times } = await start(clock, () => said)
    const popFetch = create(now)
    expect((await popFetch(url)).status).toBe(401)
    expect(times).toEqual([now.seconds(), now.seconds() + minute])
    await popFetch(url)
    expect(times[2]).toBe(now.seconds())
  })

  test('is corrected once, whatever the server says next', async () => {
    const clock = createClock(now.seconds() + 60 * minute)
    let ahead = 0
    const { url, times } = await start(clock, () =>
      new Date(now.now() + (ahead += minute) * 1000).toUTCString(),
    )
    expect((await create(now)(url)).status).toBe(401)
    expect(times).toEqual([now.seconds(), now.seconds() + minute])
  })

  test('stays corrected when a later refusal is not for time', async () => {
    const clock = createClock(now.seconds() + 60 * minute)
    const resolve = vi.fn<TokenResolver['resolve']>((token, context) =>
      tokens.resolve(token, context),
    )
    const { url, times } = await start(clock, undefined, { tokens: { resolve } })
    const popFetch = create(now)
    await popFetch(url)
    resolve.mockResolvedValueOnce(undefined)
    expect((await popFetch(url)).status).toBe(401)
    expect((await popFetch(url)).status).toBe(200)
    expect(times.slice(1)).toEqual(Array(3).fill(clock.seconds()))
  })

  test('stays as it is for a stream, which cannot be sent again', async () => {
    const { url, times } = await start(createClock(now.seconds() + 60 * minute))
    const body = new Blob(['hello']).stream()
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    expect((await create(now)(url, init)).status).toBe(401)
    expect(times).toHaveLength(1)
  })

  test('stays as it is when the refusal is not for time', async () => {
    const clock = createClock(now.seconds() + minute)
    const { url, times } = await start(clock, undefined, {
      tokens: { resolve: async () => undefined },
    })
    expect((await create(now)(url)).status).toBe(401)
    expect(times).toHaveLength(1)
  })
})
