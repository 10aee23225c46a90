import { expect, test } from 'vitest'
import {
  encodeCommand,
  parseResp,
  resp,
  respReader,
  RespFailure,
  type RespValue,
} from '../src/index.ts'

function readInPieces(text: string, size: number): RespValue[] {
  const values: RespValue[] = []
  const read = respReader(
    (value) => void values.push(value),
    (error) => expect.unreachable(String(error)),
  )
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size))
  return values
}

test.each([1, 2, 3, 7, 1000])('reads a pipeline in pieces of %i bytes', (size) => {
  const commands = [['SET', 'k\r\n', '', 'PX', '10'], ['PING'], ['ECHO', 'f\u00fcnf']]
  expect(readInPieces(commands.map(encodeCommand).join(''), size)).toEqual(commands)
})

test.each([
  [resp.simple('OK'), 'OK'],
  [resp.integer(-3), -3],
  [resp.bulk(null), null],
  ['*-1\r\n', null],
  ['_\r\n', null],
  ['#t\r\n', true],
  [',1.5\r\n', 1.5],
  ['%1\r\n+a\r\n:1\r\n', ['a', 1]],
  [resp.array(resp.bulk('a'), resp.array()), ['a', []]],
  [resp.error('ERR no'), new RespFailure('ERR no')],
])('reads %j', (raw, value) => {
  expect(parseResp(Buffer.from(raw))).toEqual({ value, end: Buffer.byteLength(raw) })
  for (let cut = 0; cut < raw.length; cut += 1)
    expect(parseResp(Buffer.from(raw.slice(0, cut)))).toBeUndefined()
})

test('refuses bytes that are no RESP', () => {
  expect(() => parseResp(Buffer.from('HTTP/1.1 400\r\n'))).toThrow('no RESP')
})
