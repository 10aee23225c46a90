import { connect } from 'node:net'

/** What a Redis answers, or the words of a command. An error is a value here, not a throw. */
export type RespValue = string | number | boolean | null | RespFailure | readonly RespValue[]

export class RespFailure extends Error {}

/** One value at `start` of the bytes, in RESP2 or RESP3, and where it ends; undefined while it is incomplete. */
export function parseResp(
  bytes: Buffer,
  start = 0,
): { readonly value: RespValue; readonly end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', start)
  if (lineEnd === -1) return undefined
  const kind = String.fromCharCode(bytes[start] ?? 0)
  const text = bytes.toString('utf8', start + 1, lineEnd)
  const next = lineEnd + 2
  if ('$=!'.includes(kind)) return parseBulk(bytes, Number(text), next)
  if ('*~>'.includes(kind)) return parseItems(bytes, Number(text), next)
  if (kind === '%') return parseItems(bytes, 2 * Number(text), next)
  if (kind === '+' || kind === '(') return { value: text, end: next }
  if (kind === '-') return { value: new RespFailure(text), end: next }
  if (kind === ':' || kind === ',') return { value: Number(text), end: next }
  if (kind === '#') return { value: text === 't', end: next }
  if (kind === '_') return { value: null, end: next }
  throw new Error('these bytes are no RESP')
}

function parseBulk(bytes: Buffer, length: number, start: number): ReturnType<typeof parseResp> {
  if (length === -1) return { value: null, end: start }
  const end = start + length
  if (bytes.length < end + 2) return undefined
  return { value: bytes.toString('utf8', start, end), end: end + 2 }
}

function parseItems(bytes: Buffer, count: number, start: number): ReturnType<typeof parseResp> {
  if (count === -1) return { value: null, end: start }
  const items: RespValue[] = []
  let end = start
  while (items.length < count) {
    const item = parseResp(bytes, end)
    if (item === undefined) return undefined
    items.push(item.value)
    end = item.end
  }
  return { value: items, end }
}

/** Bytes come in any pieces, values go out whole, each with the bytes that it came as. */
export function respReader(
  onValue: (value: RespValue, raw: Buffer) => void,
  onGarbage: (error: unknown) => void,
): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    try {
      for (let found = parseResp(rest); found !== undefined; found = parseResp(rest, start)) {
        onValue(found.value, rest.subarray(start, found.end))
        start = found.end
      }
    } catch (error) {
      onGarbage(error)
    }
    rest = rest.subarray(start)
  }
}

/** Writers of raw values. */
export const resp = {
  simple: (text: string): string => `+${text}\r\n`,
  error: (text: string): string => `-${text}\r\n`,
  integer: (value: number): string => `:${value}\r\n`,
  bulk: (text: string | null): string =>
    text === null ? '$-1\r\n' : `$${Buffer.byteLength(text)}\r\n${text}\r\n`,
  array: (...items: readonly string[]): string => `*${items.length}\r\n${items.join('')}`,
}

/** The bytes of one command. */
export function encodeCommand(words: readonly string[]): string {
  return resp.array(...words.map(resp.bulk))
}

/** Sends one command over a connection of its own. Rejects with the server's error. */
export function sendToRedis(
  address: { readonly path: string } | { readonly port: number; readonly host?: string },
  ...words: readonly string[]
): Promise<RespValue> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', ...address }, () =>
      socket.write(encodeCommand(words)),
    )
    const read = respReader((value) => {
      if (value instanceof RespFailure) reject(value)
      else resolve(value)
      socket.destroy()
    }, reject)
    socket.setTimeout(5000, () => socket.destroy(new Error('Redis did not answer within 5 s')))
    socket.on('data', read)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('Redis closed the connection')))
  })
}
