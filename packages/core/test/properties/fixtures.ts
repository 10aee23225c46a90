import { type Jwk, type ReplayStore, type TokenResolver } from '@oauth-pop/core'
import { apiUrl, createClock, hashOf } from '@oauth-pop/testkit'
import fc from 'fast-check'
import { calculateJwkThumbprint } from 'jose'
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

export const clock = createClock()
export const host = ['Host', 'api.example.com']

/** A store for properties about everything else: no proof is a replay. */
export const forgetful: ReplayStore = { claim: async () => true }

const keyPairs = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: () => generateKeyPairSync('ed25519'),
}
export type Algorithm = keyof typeof keyPairs

/** A key of any algorithm, and a source that knows every token as bound to it, for both schemes. */
export async function createSigner(algorithm: Algorithm): Promise<{
  jwk: Jwk
  tokens: TokenResolver
  compact: (header: object, payload: object) => string
}> {
  const { privateKey, publicKey } = keyPairs[algorithm]()
  const jwk = publicKey.export({ format: 'jwk' }) as Jwk
  const jkt = await calculateJwkThumbprint(jwk)
  const confirmation = { jwk: { ...jwk }, jkt }
  return {
    jwk,
    tokens: { resolve: async () => ({ claims: {}, confirmation, scopes: [], audience: [] }) },
    compact: (header, payload) => signJws({ alg: algorithm, ...header }, payload, privateKey),
  }
}

function signJws(header: object, payload: object, key: KeyObject): string {
  const input = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  const signature = sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

export const popClaims = {
  at: 'token',
  ts: clock.seconds(),
  m: 'GET',
  u: 'api.example.com',
  p: '/items',
}
export const dpopClaims = {
  jti: 'x',
  htm: 'GET',
  htu: `${apiUrl}/items`,
  iat: clock.seconds(),
  ath: hashOf('token'),
}

export const ascending = (left: number, right: number): number => left - right

/** One edit of a text; positions count modulo its length, from its end when negative. */
export interface Edit {
  readonly how: 'insert' | 'delete' | 'replace' | 'swap' | 'change case' | 'encode'
  readonly at: number
  readonly other: number
  readonly character: string
}

export function edits(characters: string): fc.Arbitrary<Edit> {
  const position = fc.oneof(fc.integer({ min: -2, max: 1 }), fc.nat({ max: 1000 }))
  return fc.record({
    how: fc.constantFrom('insert', 'delete', 'replace', 'swap', 'change case', 'encode'),
    at: position,
    other: position,
    character: fc.constantFrom(...characters.split('')),
  })
}

export function edit(text: string, { how, at, other, character }: Edit): string {
  const units = text.split('')
  const places = units.length + (how === 'insert' ? 1 : 0)
  const [from = 0, to = 0] = [at, other].map((place) => ((place % places) + places) % places)
  const [own = '', swapped = ''] = [units[from], units[to]]
  const code = own.charCodeAt(0)
  if (how === 'insert') units.splice(from, 0, character)
  if (how === 'delete') units.splice(from, 1)
  if (how === 'replace') units[from] = character
  if (how === 'change case') units[from] = String.fromCharCode(code ^ 0x20)
  if (how === 'encode') units[from] = `%${code.toString(16).padStart(2, '0')}`
  if (how === 'swap') [units[from], units[to]] = [swapped, own]
  return units.join('')
}

/** Outer white space of a field value means nothing (RFC 9110 section 5.5). */
export function trimOws(text: string): string {
  return text.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '')
}
