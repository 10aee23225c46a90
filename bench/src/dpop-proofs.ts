import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import type { Jwk } from '@oauth-pop/core'
import { toMessage } from './load.ts'
import { audience, issuer } from './proofs.ts'

/** A client with an access token that is bound to its key by thumbprint; both use ES256. */
export interface DpopClient {
  /** The keys of the issuer. */
  readonly jwks: { readonly keys: readonly Jwk[] }
  /** Distinct requests with a proof each, as bytes. */
  createMessages(count: number, claims?: object): readonly string[]
}

export function createDpopClient(): DpopClient {
  const [own, authority] = [createKeys(), createKeys()]
  const kid = 'bench'
  const now = Math.floor(Date.now() / 1000)
  const { crv, kty, x, y } = own.jwk
  const jkt = hash(JSON.stringify({ crv, kty, x, y }))
  const token = signCompact(
    { typ: 'at+jwt', alg: 'ES256', kid },
    {
      iss: issuer,
      sub: 'alice',
      aud: audience,
      client_id: 'app',
      scope: 'a b',
      jti: 'token',
      iat: now,
      exp: now + 3600,
      cnf: { jkt },
    },
    authority.privateKey,
  )
  const ath = hash(token)
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } }

  function createMessage(target: string, claims: object): string {
    const jti = randomBytes(16).toString('base64url')
    const payload = { jti, htm: 'GET', htu: `${audience}${target}`, iat: now, ath, ...claims }
    const proof = signCompact(header, payload, own.privateKey)
    const rawHeaders = [
      ['Host', new URL(audience).host],
      ['Connection', 'keep-alive'],
      ['User-Agent', 'bench/1.0'],
      ['Accept', '*/*'],
      ['Authorization', `DPoP ${token}`],
      ['DPoP', proof],
      ['Accept-Encoding', 'gzip, deflate'],
    ].flat()
    return toMessage({ method: 'GET', target, rawHeaders })
  }

  return {
    jwks: { keys: [{ ...authority.jwk, kid, alg: 'ES256', use: 'sig' }] },
    createMessages: (count, claims = {}) =>
      Array.from({ length: count }, (_, index) => createMessage(`/photos/${index}`, claims)),
  }
}

function createKeys(): { readonly privateKey: KeyObject; readonly jwk: Jwk } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, jwk: publicKey.export({ format: 'jwk' }) as Jwk }
}

function signCompact(header: object, payload: object, key: KeyObject): string {
  const input = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
