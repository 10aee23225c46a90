/** 2^255 - 19, little-endian. */
const prime = Buffer.from(`ed${'ff'.repeat(30)}7f`, 'hex')

/**
 * The y coordinates of the eight points whose order divides 8, little-endian, sign bit cleared
 * (RFC 8032 section 5.1). One signature by such a key fits every message.
 */
const smallOrder: readonly Buffer[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => Buffer.from(hex, 'hex'))

/** True for a point of small order and for an encoding that is not canonical. Node 20 and 22 accept both. */
export function isSmallOrder(point: Buffer): boolean {
  const y = Buffer.from(point)
  y.writeUInt8(y.readUInt8(31) & 0x7f, 31)
  return smallOrder.some((known) => known.equals(y)) || !isBelowPrime(y)
}

function isBelowPrime(y: Buffer): boolean {
  for (let index = 31; index >= 0; index -= 1) {
    const difference = y.readUInt8(index) - prime.readUInt8(index)
    if (difference !== 0) return difference < 0
  }
  return false
}
