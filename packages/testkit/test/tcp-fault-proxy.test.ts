import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { startTcpFaultProxy, type TcpFaultProxy } from '../src/index.ts'

const host = inject('postgres')
const lost = /ECONNRESET|terminated/

describe.skipIf(host === '')('pg behind a proxy', () => {
  const direct = new pg.Client({ host, user: 'postgres' })
  let proxy: TcpFaultProxy
  let client: pg.Client

  const open = (): pg.Client => {
    const { port } = proxy
    const made = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
    made.on('error', () => {})
    return made
  }
  const insert = (name: string): Promise<unknown> =>
    client.query('insert into notes values ($1)', [name])
  const names = async (): Promise<readonly string[]> => {
    const { rows } = await direct.query<{ name: string }>('select name from notes order by name')
    return rows.map((row) => row.name)
  }

  beforeAll(async () => {
    proxy = await startTcpFaultProxy({ path: join(host, '.s.PGSQL.5432') })
    await direct.connect()
    await direct.query('create table notes (name text)')
  })
  beforeEach(async () => {
    await proxy.set('pass')
    await direct.query('truncate notes')
    client = open()
    await client.connect()
    return async () => client.end().catch(() => {})
  })
  afterAll(async () => {
    await direct.query('drop table notes')
    await direct.end()
    await proxy.close()
  })

  test('passes', async () => {
    await insert('passed')
    expect(await names()).toEqual(['passed'])
  })

  test('refuses new connections and ends old ones', async () => {
    await proxy.set('refuse')
    await expect(open().connect()).rejects.toThrow('ECONNREFUSED')
    await expect(insert('refused')).rejects.toThrow(lost)
    expect(await names()).toEqual([])
  })

  test.each(['cut', 'reset'] as const)('%s ends old and new connections', async (mode) => {
    await proxy.set(mode)
    await expect(insert(mode)).rejects.toThrow(lost)
    await expect(open().connect()).rejects.toThrow(lost)
    expect(await names()).toEqual([])
  })

  test('stalls without losing anything', async () => {
    await proxy.set('stall')
    let done = false
    const stalled = insert('stalled').then(() => {
      done = true
    })
    // the direct way is open meanwhile
    for (let turn = 0; turn < 20; turn += 1) expect(await names()).toEqual([])
    expect(done).toBe(false)
    await proxy.set('pass')
    await stalled
    expect(await names()).toEqual(['stalled'])
  })

  test('cuts after a request that was carried out, and lets a handshake pass', async () => {
    await proxy.set('cut-after-request')
    await expect(insert('cut')).rejects.toThrow(lost)
    client = open()
    await client.connect()
    await expect(insert('cut again')).rejects.toThrow(lost)
    expect(await names()).toEqual(['cut', 'cut again'])
  })
})

test('a delay holds up each direction, and keeps the order', async () => {
  const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const { port } = echo.address() as AddressInfo
  const proxy = await startTcpFaultProxy({ port }, { delayMilliseconds: 50 })
  const socket = connect(proxy.port, '127.0.0.1').setEncoding('utf8')
  let echoed = ''
  socket.on('data', (text: string) => (echoed += text))
  await once(socket, 'connect')
  const before = performance.now()
  const letters = 'abcdefghij'
  for (const letter of letters) {
    socket.write(letter)
    await new Promise((resolve) => setImmediate(resolve))
  }
  while (echoed.length < letters.length) await once(socket, 'data')
  expect(echoed).toBe(letters)
  // Timers may be early by a millisecond.
  expect(performance.now() - before).toBeGreaterThanOrEqual(98)
  socket.destroy()
  await proxy.close()
  echo.close()
})
