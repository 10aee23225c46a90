import { BlockList, isIP } from 'node:net'
import { optionError } from '../../errors.ts'
import type { HttpRequest } from '../../request.ts'

/** The peer of the connection: the proxy, where there is one. */
type Peer = ReturnType<NonNullable<HttpRequest['peer']>>

/**
 * Which peers are the proxy: addresses and ranges, `unix-socket`, or a function, which can look at the proxy's own
 * certificate. Only `true` trusts.
 */
export type HopTrust = readonly string[] | 'unix-socket' | ((peer: Peer) => boolean)

/** What `peer().address` is for a Unix socket; a connection that is gone has an empty one. */
export const unixAddress = 'unix'

/** @throws TypeError with `code` for anything that trusts nobody, or everybody by mistake */
export function readTrust(trust: unknown): (request: HttpRequest) => boolean {
  const isTrusted = readTest(trust)
  return (request) => request.peer !== undefined && isTrusted(request.peer())
}

function readTest(trust: unknown): (peer: Peer) => boolean {
  if (typeof trust === 'function') {
    return (peer) => (trust as (peer: Peer) => unknown)(peer) === true
  }
  if (trust === 'unix-socket') return ({ address }) => address === unixAddress
  if (Array.isArray(trust) && trust.length > 0) {
    const list = readRanges(trust)
    return ({ address }) => {
      const family = isIP(address)
      return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6')
    }
  }
  throw optionError(
    'ERR_POP_OPTION_MISSING',
    "mtls proxy needs trust, because anybody can write a header: trust: ['10.0.0.1'], 'unix-socket' or a function of the peer",
  )
}

function readRanges(ranges: readonly unknown[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits, ...more] = typeof range === 'string' ? range.split('/') : []
    const family = isIP(address)
    const longest = family === 4 ? 32 : 128
    const prefix = bits === undefined ? longest : Number(bits)
    const isPrefix = bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && prefix <= longest)
    if (family === 0 || !isPrefix || more.length > 0)
      throw optionError(
        'ERR_POP_OPTION_INVALID',
        'mtls proxy trust must list addresses such as 10.0.0.1, or ranges such as 10.0.0.0/8',
      )
    list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
  }
  if (list.check('0.0.0.1') && list.check('255.255.255.254'))
    throw optionError('ERR_POP_OPTION_INVALID', 'mtls proxy trust must not hold every address')
  return list
}
