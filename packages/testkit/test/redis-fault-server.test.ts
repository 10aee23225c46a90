import { Redis } from 'ioredis'
import { connect } from 'node:net'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import {
  encodeCommand,
  resp,
  sendToRedis,
  startRedisFaultServer,
  type RedisAnswer,
  type RedisFaultServer,
} from '../src/index.ts'

const claim = ['SET', 'key', '1', 'PX', '10000', 'NX']

let server: RedisFaultServer
beforeAll(async () => {
  server = await startRedisFaultServer()
})
afterAll(() => server.close())

/** What a socket sees of one claim: the bytes, and how the connection ended, if it did at once. */
function seen(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(encodeCommand(claim)))
    socket.on('data', (chunk) => finish(String(chunk)))
    socket.on('error', (error: NodeJS.ErrnoException) => finish(String(error.code)))
    socket.on('end', () => finish('end'))
    socket.setTimeout(100, () => finish('silence'))
    const finish = (what: string): void => {
      socket.destroy()
      resolve(what)
    }
  })
}

test.each<[RedisAnswer, string | RegExp]>([
  ['ok', '+OK\r\n'],
  [{ reply: resp.bulk(null) }, '$-1\r\n'],
  ['closed', 'ECONNREFUSED'],
  ['hang', 'silence'],
  ['reset', 'ECONNRESET'],
  ['apply-then-reset', 'ECONNRESET'],
  ['readonly', /^-READONLY .*\r\n$/],
  ['oom', /^-OOM .*\r\n$/],
  ['loading', /^-LOADING .*\r\n$/],
  ['moved', /^-MOVED \d+ \S+:\d+\r\n$/],
  ['garbage', /^[^-+:$*]/],
  ['slow 20 ms', '+OK\r\n'],
])('a socket sees %j', async (answer, expected) => {
  await server.answer(answer)
  expect(await seen(server.port)).toMatch(expected)
})

test('a claim counts as applied when it was carried out, and only then', async () => {
  const applied: string[] = []
  const own = await startRedisFaultServer({ apply: ([, key]) => void applied.push(String(key)) })
  for (const answer of ['ok', 'reset', 'readonly', 'garbage', 'apply-then-reset'] as const) {
    await own.answer(answer)
    await sendToRedis({ port: own.port }, 'SET', answer, '1').catch(() => {})
  }
  await own.close()
  expect(applied).toEqual(['ok', 'apply-then-reset'])
})

test('after a hang it answers what waited, in order', async () => {
  await server.answer('hang')
  const received = new Promise<string>((resolve) => {
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.write(encodeCommand(['PING', 'one']) + encodeCommand(['PING', 'two']))
      setImmediate(() => void server.answer('ok'))
    })
    let text = ''
    socket.on('data', (chunk) => {
      text += String(chunk)
      if (text.length < 18) return
      socket.destroy()
      resolve(text)
    })
  })
  expect(await received).toBe(resp.bulk('one') + resp.bulk('two'))
})

test('a function chooses by the words of each claim, and all names are noted', async () => {
  const own = await startRedisFaultServer()
  await own.answer(([name]) => (name === 'WAIT' ? { reply: resp.integer(0) } : 'oom'))
  expect(await sendToRedis({ port: own.port }, 'wait', '1', '0').catch(String)).toMatch('OOM')
  expect(await sendToRedis({ port: own.port }, 'WAIT', '1', '0')).toBe(0)
  await own.close()
  await own.reopen()
  expect(await sendToRedis({ port: own.port }, 'PING')).toBe('PONG')
  await own.close()
  expect([own.commands, own.connections]).toEqual([['WAIT', 'WAIT', 'PING'], 3])
})

interface Client {
  readonly send: (words: readonly string[]) => Promise<unknown>
  readonly end: () => void
}

const clients: Record<string, (port: number) => Promise<Client>> = {
  async ioredis(port) {
    const client = new Redis(port, '127.0.0.1', {
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    })
    client.on('error', () => {})
    return {
      send: ([name = '', ...words]) => client.call(name, ...words),
      end: () => client.disconnect(),
    }
  },
  async 'node-redis'(port) {
    const client = createClient({ socket: { port, host: '127.0.0.1', reconnectStrategy: false } })
    client.on('error', () => {})
    await client.connect()
    return { send: (words) => client.sendCommand(words), end: () => client.destroy() }
  },
}

async function open(name: string, port: number): Promise<Client> {
  const client = await clients[name]?.(port)
  if (client === undefined) throw new Error('no such client')
  return client
}

describe.each(Object.keys(clients))('%s', (name) => {
  test.each<[RedisAnswer, RegExp]>([
    ['ok', /^OK$/],
    [{ reply: resp.bulk(null) }, /^null$/],
    ['readonly', /READONLY/],
    ['oom', /OOM/],
    ['loading', /LOADING/],
    ['moved', /MOVED/],
    ['slow 20 ms', /^OK$/],
    ['reset', /ECONNRESET|closed|max retries/i],
    ['apply-then-reset', /ECONNRESET|closed|max retries/i],
    ['closed', /./],
  ])('sees %j', async (answer, expected) => {
    await server.answer('ok')
    const client = await open(name, server.port)
    await client.send(['ECHO', 'connected'])
    await server.answer(answer)
    expect(String(await client.send(claim).catch(String))).toMatch(expected)
    client.end()
  })
})

describe.skipIf(inject('redis') === '')('in front of a real Redis', () => {
  test('apply-then-reset leaves the claim in Redis, reset does not', async () => {
    const upstream = inject('redis')
    const own = await startRedisFaultServer({ upstream })
    for (const answer of ['reset', 'apply-then-reset'] as const) {
      await own.answer(answer)
      await expect(sendToRedis({ port: own.port }, 'SET', answer, '1', 'NX')).rejects.toThrow(
        'ECONNRESET',
      )
    }
    await own.answer('ok')
    expect(await sendToRedis({ port: own.port }, 'MGET', 'reset', 'apply-then-reset')).toEqual([
      null,
      '1',
    ])
    await own.close()
  })

  test.each(Object.keys(clients))('%s works through it', async (name) => {
    const own = await startRedisFaultServer({ upstream: inject('redis') })
    const client = await open(name, own.port)
    const claims = Array.from({ length: 100 }, () => client.send(['SET', name, '1', 'NX']))
    expect((await Promise.all(claims)).filter((answer) => answer === 'OK')).toHaveLength(1)
    client.end()
    await own.close()
  })
})
