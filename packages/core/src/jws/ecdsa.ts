import type { KeyObject } from 'node:crypto'

const coordinateBytes: Readonly<Record<string, number>> = {
  prime256v1: 32,
  secp384r1: 48,
  secp521r1: 66,
}

/**
 * Rewrites an ECDSA signature from the form of JWS, r and s side by side (RFC 7518 section 3.4),
 * into the DER that OpenSSL takes; undefined when it has not the length for the key's curve. One
 * form has exactly one counterpart in the other.
 */
export function toDerSignature(signature: Buffer, key: KeyObject): Buffer | undefined {
  const size = coordinateBytes[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (size === undefined || signature.length !== 2 * size) return undefined
  const integers = [signature.subarray(0, size), signature.subarray(size)].flatMap(toDerInteger)
  const length = integers.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([sequenceHeader(length), ...integers])
}

/** Minimal and positive: no needless zero byte in front, one where the first bit is set. */
function toDerInteger(bytes: Buffer): readonly Buffer[] {
  const first = bytes.findIndex((byte) => byte !== 0)
  const digits = bytes.subarray(first === -1 ? bytes.length - 1 : first)
  const sign = digits.readUInt8(0) >= 0x80 ? [0] : []
  return [Buffer.from([0x02, digits.length + sign.length, ...sign]), digits]
}

/** P-521 needs the long form of a length. */
function sequenceHeader(length: number): Buffer {
  return Buffer.from(length < 0x80 ? [0x30, length] : [0x30, 0x81, length])
}
