import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import {
  PopError,
  storedTokens,
  type HttpRequest,
  type Jwk,
  type TokenResolver,
} from '@oauth-pop/core'

/** The API that requests of this kit are made for. */
export const apiUrl = 'https://api.example.com'

/** Somebody who holds a key and an access token that is bound to it. */
export interface Holder {
  readonly accessToken: string
  readonly privateKey: KeyObject
  readonly jwk: Jwk
}

/**
 * Makes holders, and the resolver that knows their tokens. `cnf` says how the token is bound: to the
 * key (PoP), to its thumbprint (DPoP), or not at all.
 */
export function createHolders(): {
  holder: (bound?: 'jwk' | 'jkt' | 'none', claims?: Readonly<Record<string, unknown>>) => Holder
  tokens: TokenResolver
} {
  const records = new Map<string, Readonly<Record<string, unknown>>>()
  return {
    tokens: storedTokens((hash) => records.get(hash), { audience: apiUrl }),
    holder(bound = 'jwk', claims = {}) {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const jwk = publicKey.export({ format: 'jwk' }) as Jwk
      const accessToken = randomBytes(32).toString('base64url')
      const hash = createHash('sha256').update(accessToken).digest('hex')
      const cnf = { jwk: { jwk }, jkt: { jkt: thumbprintOf(jwk) }, none: undefined }[bound]
      const record = { aud: apiUrl, sub: 'alice', client_id: 'app', scope: 'read write' }
      records.set(hash, { ...record, ...claims, ...(cnf && { cnf }) })
      return { accessToken, privateKey, jwk }
    },
  }
}

/** The payload of a valid signed HTTP request; `claims` add to it or, set to undefined, take away. */
export function popPayload(
  { accessToken }: Holder,
  now: number,
  claims: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const valid = { at: accessToken, ts: now, m: 'GET', u: 'api.example.com', p: '/items' }
  return { ...valid, jti: randomBytes(16).toString('base64url'), ...claims }
}

/** Signs any header and payload with ES256: valid or not is the caller's business. */
export function signCompact(header: object, payload: object, key: KeyObject): string {
  const input = [header, payload].map((part) => encode(JSON.stringify(part))).join('.')
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

/** A complete signed HTTP request. */
export function signPop(
  holder: Holder,
  now: number,
  claims: Readonly<Record<string, unknown>> = {},
  header: object = {},
): string {
  const payload = popPayload(holder, now, claims)
  return signCompact({ typ: 'pop', alg: 'ES256', ...header }, payload, holder.privateKey)
}

/** A complete DPoP proof for the holder's token. */
export function signDpop(
  { accessToken, privateKey, jwk }: Holder,
  now: number,
  claims: Readonly<Record<string, unknown>> = {},
): string {
  const { kty, crv, x, y } = jwk
  const payload = {
    jti: randomBytes(16).toString('base64url'),
    htm: 'GET',
    htu: `${apiUrl}/items`,
    iat: now,
    ath: hashOf(accessToken),
    ...claims,
  }
  return signCompact(
    { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } },
    payload,
    privateKey,
  )
}

/** The request that `signPop` signs by default, with this credential. */
export function popRequest(proof: string, change: Partial<HttpRequest> = {}): HttpRequest {
  const rawHeaders = ['Host', 'api.example.com', 'Authorization', `PoP ${proof}`]
  return { method: 'GET', target: '/items', rawHeaders, ...change }
}

/** The request that `signDpop` signs by default. */
export function dpopRequest({ accessToken }: Holder, proof: string): HttpRequest {
  const credential = ['Authorization', `DPoP ${accessToken}`, 'DPoP', proof]
  return { method: 'GET', target: '/items', rawHeaders: ['Host', 'api.example.com', ...credential] }
}

/** `accepted`, or the code of the refusal. Anything but a refusal is thrown on. */
export async function outcomeOf(verification: Promise<unknown>): Promise<string> {
  try {
    await verification
    return 'accepted'
  } catch (error) {
    if (error instanceof PopError) return error.code
    throw error
  }
}

/** SHA-256 in base64url, for `b`, `q`, `h` and `ath`. */
export function hashOf(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('base64url')
}

/** The RFC 7638 thumbprint of an EC key. */
export function thumbprintOf({ crv, kty, x, y }: Jwk): string {
  return hashOf(JSON.stringify({ crv, kty, x, y }))
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}
