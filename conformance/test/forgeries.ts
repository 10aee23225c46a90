import { createHmac, createPublicKey, randomBytes } from 'node:crypto'
import type { Jwk } from '@oauth-pop/express'
import { blockOf, editSignature, mapValues, prefix, signerNames, type Signer } from './signers.ts'

type Texts = Readonly<Record<string, string>>

/**
 * A valid JWS for base64url edits: all of its segments have a `-` and a `_`, and header and payload
 * leave bits of their last character unused.
 */
export function signRich(signer: Signer, payload: object): string {
  const header = { typ: 'pop', alg: signer.name, kid: '???>>>' }
  const own = { ...payload, jti: randomBytes(16).toString('base64url'), x: '???>>>' }
  const jws = complete(signer, [header, own].map(encodeWithSlack).join('.'))
  return /-.*_|_.*-/.test(split(jws)[2]) ? jws : signRich(signer, payload)
}

/** White space behind an object is JSON. */
function encodeWithSlack(part: object): string {
  const text = JSON.stringify(part)
  return encode(text + ' '.repeat((3 - ((text.length + 2) % 3)) % 3))
}

/** Everything that is one step away from a valid JWS, by name. */
export function forge(signer: Signer, thief: Signer, jws: string): Texts {
  const [header, payload, signature] = split(jws)
  const bytes = Buffer.from(signature, 'base64url')
  const input = `${header}.${payload}`
  const signatures = editSignature(signer, input, bytes)
  return {
    ...editHeader(signer, jws),
    ...signWithPublicKey(signer, payload),
    ...stealWith(thief, payload),
    ...editSegments(jws),
    ...respellSegments(signer, jws),
    ...mapValues(signatures, (edited) => `${input}.${edited.toString('base64url')}`),
  }
}

function editHeader(signer: Signer, jws: string): Texts {
  const [header, payload, signature] = split(jws)
  const members = JSON.parse(Buffer.from(header, 'base64url').toString()) as object
  const text = JSON.stringify(members)
  const others = [...signerNames, 'RS512', 'HS256', 'ES256K', 'none', 'None', 'NONE', '']
    .filter((alg) => alg !== signer.name)
    .map((alg) => [`alg ${alg}`, JSON.stringify({ ...members, alg })] as const)
  const bad: Texts = {
    ...Object.fromEntries(others),
    'no alg': JSON.stringify({ ...members, alg: undefined }),
    'a list as alg': JSON.stringify({ ...members, alg: [signer.name] }),
    'alg twice': text.replace('"alg"', '"alg":"none","alg"'),
    'alg twice, once with an escape': text.replace('"alg"', '"\\u0061lg":"none","alg"'),
    crit: JSON.stringify({ ...members, crit: ['x'], x: 1 }),
    b64: JSON.stringify({ ...members, b64: false }),
    'typ of another proof': JSON.stringify({ ...members, typ: 'dpop+jwt' }),
    'a header that is a list': `[${text}]`,
    'a header that is no JSON': `${text}}`,
  }
  const harmless = {
    'another kid': text.replace('???', '!!!'),
    'typ JWT': text.replace('pop', 'JWT'),
  }
  return {
    ...prefix(
      'signed:',
      mapValues(bad, (own) => complete(signer, `${encode(own)}.${payload}`)),
    ),
    ...prefix(
      'unsigned:',
      mapValues(bad, (own) => `${encode(own)}.${payload}.`),
    ),
    ...prefix(
      'kept signature:',
      mapValues({ ...bad, ...harmless }, (own) => `${encode(own)}.${payload}.${signature}`),
    ),
  }
}

/** The public key is no secret (RFC 8725 section 2.1). */
function signWithPublicKey({ jwk, privateKey }: Signer, payload: string): Texts {
  if (privateKey.type === 'secret') return {}
  const publicKey = createPublicKey(privateKey)
  const secrets = {
    PEM: publicKey.export({ format: 'pem', type: 'spki' }),
    DER: publicKey.export({ format: 'der', type: 'spki' }),
    JWK: JSON.stringify(jwk),
    coordinate: Buffer.from(String(jwk['x'] ?? jwk['n']), 'base64url'),
  }
  const input = `${encode('{"typ":"pop","alg":"HS256"}')}.${payload}`
  const signWith = (secret: string | Buffer): string =>
    `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  return prefix('HS256 with the public key as', mapValues(secrets, signWith))
}

/** A key that comes with the proof binds nothing. */
function stealWith(thief: Signer, payload: string): Texts {
  const header = { typ: 'pop', alg: thief.name, jwk: thief.jwk, jku: 'data:,', x5c: ['AA'] }
  return { 'the key of a thief': complete(thief, `${encode(JSON.stringify(header))}.${payload}`) }
}

/** A credential, and the key that its token is bound to. */
export interface Bound {
  readonly name: unknown
  readonly jws: string
  readonly jwk: Jwk
}

/** With exponent 1 a signature is its own block; under the identity point one fits every message. */
export function forgeForWeakKeys({ jwk }: Signer, jws: string): readonly Bound[] {
  const payload = split(jws)[1]
  const inputFor = (alg: string): string => `${encode(JSON.stringify({ alg }))}.${payload}`
  const block = blockOf(Buffer.from(inputFor('RS256'))).toString('base64url')
  const identity = `01${'00'.repeat(31)}`
  const points = { identity, 'identity, not canonical': `ee${'ff'.repeat(30)}7f` }
  return [
    { name: 'exponent 1', jws: `${inputFor('RS256')}.${block}`, jwk: { ...jwk, e: 'AQ' } },
    ...Object.entries(points).map(([name, point]) => ({
      name,
      jws: `${inputFor('Ed25519')}.${fromHex(identity.padEnd(128, '0'))}`,
      jwk: { kty: 'OKP', crv: 'Ed25519', x: fromHex(point) },
    })),
  ]
}

function fromHex(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64url')
}

function editSegments(jws: string): Texts {
  const [header, payload, signature] = split(jws)
  const flat = { payload, protected: header, signature }
  return {
    nothing: '',
    'only dots': '..',
    'no header': `.${payload}.${signature}`,
    'no header and no dot': `${payload}.${signature}`,
    'no payload': `${header}..${signature}`,
    'no payload and no dot': `${header}.${signature}`,
    'no signature': `${header}.${payload}.`,
    'no signature and no dot': `${header}.${payload}`,
    'only a header': header,
    'only a payload': `.${payload}.`,
    'an empty segment in front': `.${jws}`,
    'an empty segment more': `${jws}.`,
    'a segment more': `${jws}.AA`,
    'five segments': `${header}.AA.AA.${payload}.${signature}`,
    'itself twice': `${jws}.${jws}`,
    'JSON, flattened': JSON.stringify(flat),
    'JSON, general': JSON.stringify({ payload, signatures: [flat] }),
  }
}

function respellSegments(signer: Signer, jws: string): Texts {
  const [header, payload, signature] = split(jws)
  return {
    ...prefix(
      'header',
      mapValues(respell(header), (own) => `${own}.${payload}.${signature}`),
    ),
    ...prefix(
      'payload',
      mapValues(respell(payload), (own) => `${header}.${own}.${signature}`),
    ),
    ...prefix(
      'signature',
      mapValues(respell(signature), (own) => `${header}.${payload}.${own}`),
    ),
    ...prefix(
      'signed header',
      mapValues(respell(header), (own) => complete(signer, `${own}.${payload}`)),
    ),
    ...prefix(
      'signed payload',
      mapValues(respell(payload), (own) => complete(signer, `${header}.${own}`)),
    ),
  }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const ignored = { space: ' ', tab: '\t', CR: '\r', LF: '\n', FF: '\f', '?': '?', '=': '=' }

/** Other texts that a lenient decoder reads as the same bytes. */
function respell(segment: string): Texts {
  const bytes = Buffer.from(segment, 'base64url')
  const lasts = Array.from(alphabet)
    .map((last) => [`that ends with ${last}`, segment.slice(0, -1) + last] as const)
    .filter(([, text]) => text !== segment && Buffer.from(text, 'base64url').equals(bytes))
  const middle = segment.length >> 1
  return {
    ...Object.fromEntries(lasts),
    'with two =': `${segment}==`,
    'with + for -': segment.replaceAll('-', '+'),
    'with / for _': segment.replaceAll('_', '/'),
    'in the standard alphabet': bytes.toString('base64'),
    ...prefix(
      'in front:',
      mapValues(ignored, (character) => character + segment),
    ),
    ...prefix(
      'behind:',
      mapValues(ignored, (character) => segment + character),
    ),
    ...prefix(
      'inside:',
      mapValues(ignored, (text) => segment.slice(0, middle) + text + segment.slice(middle)),
    ),
  }
}

function split(jws: string): [header: string, payload: string, signature: string] {
  const [header = '', payload = '', signature = ''] = jws.split('.')
  return [header, payload, signature]
}

function complete({ sign: signInput }: Signer, input: string): string {
  return `${input}.${signInput(input).toString('base64url')}`
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}
