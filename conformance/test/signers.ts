import {
  constants,
  createHash,
  createHmac,
  generateKeyPairSync,
  generateKeySync,
  privateEncrypt,
  sign,
  type KeyObject,
} from 'node:crypto'
import type { Jwk } from '@oauth-pop/express'

export const signerNames = [
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'PS256',
  'Ed25519',
  'HS256',
] as const
type SignerName = (typeof signerNames)[number]

/** Somebody with a key of their own, who can sign what they like. */
export interface Signer {
  readonly name: SignerName
  /** What a server verifies with: a public key, or the secret itself. */
  readonly jwk: Jwk
  readonly privateKey: KeyObject
  readonly sign: (input: string) => Buffer
}

type Signatures = Readonly<Record<string, Buffer>>

const curves = {
  ES256: { namedCurve: 'P-256', hash: 'sha256', size: 32 },
  ES384: { namedCurve: 'P-384', hash: 'sha384', size: 48 },
  ES512: { namedCurve: 'P-521', hash: 'sha512', size: 66 },
} as const
type EcName = keyof typeof curves

export function createSigner(name: SignerName): Signer {
  const { privateKey, publicKey = privateKey } = createPair(name)
  return {
    name,
    jwk: publicKey.export({ format: 'jwk' }) as Jwk,
    privateKey,
    sign: (input) => signWith(name, privateKey, Buffer.from(input)),
  }
}

function createPair(name: SignerName): { privateKey: KeyObject; publicKey?: KeyObject } {
  if (name === 'HS256') return { privateKey: generateKeySync('hmac', { length: 256 }) }
  if (name === 'Ed25519') return generateKeyPairSync('ed25519')
  if (isEcdsa(name)) return generateKeyPairSync('ec', curves[name])
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

function signWith(name: SignerName, key: KeyObject, data: Buffer): Buffer {
  if (name === 'HS256') return createHmac('sha256', key).update(data).digest()
  if (name === 'Ed25519') return sign(null, data, key)
  if (isEcdsa(name)) return sign(curves[name].hash, data, { key, dsaEncoding: 'ieee-p1363' })
  return sign('sha256', data, name === 'PS256' ? { key, ...pss(32) } : key)
}

function isEcdsa(name: SignerName): name is EcName {
  return name in curves
}

function pss(saltLength: number): { readonly padding: number; readonly saltLength: number } {
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
}

/** The signatures that are one step away from a valid one, by name. */
export function editSignature(signer: Signer, input: string, signature: Buffer): Signatures {
  const common = editBytes(signature)
  if (signer.name === 'HS256') return common
  if (signer.name === 'Ed25519') return { ...common, ...editEd25519(signature) }
  if (!isEcdsa(signer.name)) return { ...common, ...editRsa(signer, input, signature) }
  const { hash } = curves[signer.name]
  const der = sign(hash, Buffer.from(input), signer.privateKey)
  return { ...common, DER: der, ...editEcdsa(signer.name, signature) }
}

function editBytes(signature: Buffer): Signatures {
  const zero = Buffer.alloc(1)
  const { length } = signature
  const [firstHalf, secondHalf] = [
    signature.subarray(0, length >> 1),
    signature.subarray(length >> 1),
  ]
  const flip = (index: number, bit: number): Buffer =>
    Buffer.from(signature.map((byte, at) => (at === index ? byte ^ bit : byte)))
  return {
    'a bit flipped in front': flip(0, 0x80),
    'a bit flipped in the middle': flip(length >> 1, 1),
    'a bit flipped at the end': flip(length - 1, 1),
    'all zero': Buffer.alloc(length),
    'all ones': Buffer.alloc(length, 0xff),
    'a zero in front': Buffer.concat([zero, signature]),
    'a zero in the middle': Buffer.concat([firstHalf, zero, secondHalf]),
    'a zero behind': Buffer.concat([signature, zero]),
    'without its first byte': signature.subarray(1),
    'without its last byte': signature.subarray(0, -1),
    'its first half': firstHalf,
    'itself twice': Buffer.concat([signature, signature]),
    reversed: Buffer.from(signature.toReversed()),
  }
}

const orders: Readonly<Record<EcName, bigint>> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384:
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ES512:
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
}

/** The other valid ECDSA signature over the same bytes, which anybody can compute. */
export function complementOf({ name }: Signer, jws: string): string {
  if (!isEcdsa(name)) throw new Error(`${name} has no second signature`)
  const start = jws.lastIndexOf('.') + 1
  const { r, s, order } = readPair(name, Buffer.from(jws.slice(start), 'base64url'))
  return jws.slice(0, start) + joinPair(name, r, order - s).toString('base64url')
}

/** The edges of the range on both sides, and sums that only fit when a byte is added. */
function editEcdsa(name: EcName, signature: Buffer): Signatures {
  const { r, s, order } = readPair(name, signature)
  const overflow = 1n << BigInt(8 * curves[name].size)
  const edges = { 0: 0n, 1: 1n, 'n-1': order - 1n, n: order, 'n+1': order + 1n }
  const rs = { r, 'r+n': r + order, 'n-r': order - r, 'r+2^k': r + overflow, ...edges }
  const ss = { s, 's+n': s + order, 's+2^k': s + overflow, ...edges }
  const pairs = Object.entries(rs).flatMap(([left, first]) =>
    Object.entries(ss).map(([right, second]) => [`${left}, ${right}`, first, second] as const),
  )
  const others = pairs.filter(([title]) => title !== 'r, s')
  return Object.fromEntries(
    [...others, ['s, r', s, r] as const].map(([title, first, second]) => [
      title,
      joinPair(name, first, second),
    ]),
  )
}

function readPair(name: EcName, bytes: Buffer): { r: bigint; s: bigint; order: bigint } {
  const { size } = curves[name]
  const r = toInteger(bytes.subarray(0, size))
  return { r, s: toInteger(bytes.subarray(size)), order: orders[name] }
}

function joinPair(name: EcName, r: bigint, s: bigint): Buffer {
  const size = Math.max(curves[name].size, toBytes(r).length, toBytes(s).length)
  return Buffer.concat([toBytes(r, size), toBytes(s, size)])
}

function toInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

/** Big-endian, in at least this many bytes. */
function toBytes(value: bigint, size = 1): Buffer {
  const digits = value.toString(16)
  return Buffer.from(
    digits.padStart(Math.max(2 * size, digits.length + (digits.length % 2)), '0'),
    'hex',
  )
}

const edwardsOrder = 2n ** 252n + 27742317777372353535851937790883648493n

/** R and S are little-endian (RFC 8032 section 5.1.6). */
function editEd25519(signature: Buffer): Signatures {
  const [point, scalar] = [signature.subarray(0, 32), signature.subarray(32)]
  const s = toInteger(scalar.toReversed())
  const little = (value: bigint): Buffer => Buffer.from(toBytes(value, 32).toReversed())
  const scalars = mapValues(
    {
      'S+L': s + edwardsOrder,
      'S+2L': s + 2n * edwardsOrder,
      '-S': edwardsOrder - s,
      'S=L': edwardsOrder,
    },
    (value) => Buffer.concat([point, little(value)]),
  )
  const points = { zero: 0n, identity: 1n, 'identity, not canonical': 2n ** 255n - 18n }
  return {
    ...scalars,
    ...prefix(
      'any S and R',
      mapValues(points, (value) => Buffer.concat([little(value), scalar])),
    ),
    ...prefix(
      'S=0 and R',
      mapValues(points, (value) => Buffer.concat([little(value), little(0n)])),
    ),
    'S, R': Buffer.concat([scalar, point]),
  }
}

function editRsa(signer: Signer, input: string, signature: Buffer): Signatures {
  const { name, jwk, privateKey } = signer
  const modulus = toInteger(Buffer.from(String(jwk['n']), 'base64url'))
  const s = toInteger(signature)
  const numbers = {
    one: 1n,
    'n-1': modulus - 1n,
    n: modulus,
    's+n': s + modulus,
    'n-s': modulus - s,
  }
  const { [rightPrimitives[name as 'RS256']]: _, ...primitives } = signOtherwise(input, privateKey)
  return {
    ...primitives,
    ...mapValues(numbers, (value) => toBytes(value, modulusBytes)),
    ...mapValues(forgeBlocks(Buffer.from(input)), (block) => signBlock(block, privateKey)),
  }
}

const rightPrimitives = { RS256: 'PKCS1 sha256', PS256: 'PSS sha256, salt 32' } as const

function signOtherwise(input: string, key: KeyObject): Signatures {
  const data = Buffer.from(input)
  const named = ['sha1', 'sha256', 'sha384', 'sha512'].flatMap((hash) => [
    [`PKCS1 ${hash}`, sign(hash, data, key)] as const,
    ...[0, 20, 31, 32, 33, 64].map(
      (length) =>
        [`PSS ${hash}, salt ${length}`, sign(hash, data, { key, ...pss(length) })] as const,
    ),
  ])
  return Object.fromEntries(named)
}

const modulusBytes = 256
const oid = '0609608648016503040201'

/** What only almost is the block of RFC 8017 section 9.2, as the owner of a key could sign it. */
function forgeBlocks(data: Buffer): Readonly<Record<string, string>> {
  const digest = digestOf(data)
  const info = `3031300d${oid}05000420${digest}`
  const infos = {
    'no NULL': `302f300b${oid}0420${digest}`,
    'a NULL with a byte': `3032300e${oid}0501000420${digest}`,
    'a length in long form': `308131300d${oid}05000420${digest}`,
    'an indefinite length': `3080300d${oid}05000420${digest}0000`,
    'a digest as bit string': `3031300d${oid}05000320${digest}`,
    'the OID of SHA-512': `3031300d060960864801650304020305000420${digest}`,
    'the digest alone': digest,
    'the digest of something else': `3031300d${oid}05000420${'00'.repeat(32)}`,
    'a digest that is cut': `3030300d${oid}0500041f${digest.slice(2)}`,
    'a byte behind': `${info}00`,
  }
  return {
    ...mapValues(infos, (own) => frame('0001', own)),
    'block type 0': frame('0000', info),
    'block type 2': frame('0002', info),
    'a filler that is not FF': frame('0001', info).replace('ffff', 'fffe'),
    'no zero behind the filler': frame('0001', info).replace('ff0030', 'ffff30'),
    'eight fillers and garbage behind': `0001${'ff'.repeat(8)}00${info}`.padEnd(512, 'a5'),
    'no filler and garbage behind': `000100${info}`.padEnd(512, 'a5'),
    'garbage as parameters': frame(
      '0001',
      `3081b030818b${oid}047e${'a5'.repeat(126)}0420${digest}`,
    ),
  }
}

/** The right block for a modulus of 2048 bits. */
export function blockOf(data: Buffer): Buffer {
  return Buffer.from(frame('0001', `3031300d${oid}05000420${digestOf(data)}`), 'hex')
}

function digestOf(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function frame(start: string, info: string): string {
  return start + `00${info}`.padStart(2 * modulusBytes - start.length, 'f')
}

function signBlock(block: string, key: KeyObject): Buffer {
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, Buffer.from(block, 'hex'))
}

export function mapValues<From, To>(
  named: Readonly<Record<string, From>>,
  change: (value: From) => To,
): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [name, change(value)]))
}

export function prefix<Value>(
  word: string,
  named: Readonly<Record<string, Value>>,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(
    Object.entries(named).map(([name, value]) => [`${word} ${name}`, value]),
  )
}
