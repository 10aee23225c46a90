import { createHash, randomBytes } from 'node:crypto'
import {
  calculateJwkThumbprint,
  compactVerify,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  SignJWT,
  type JSONWebKeySet,
  type JWK,
} from 'jose'
import { readClientKey } from './client-key.ts'
import { IssuerError } from './errors.ts'
import { memoryTokenStore, type TokenStore } from './token-store.ts'

export interface IssuerOptions {
  /** The issuer identifier: an https URL without query and fragment (RFC 8414 section 2). */
  readonly issuer: string
  /** A private JWK with its `alg`, for JWT access tokens. Needed with `tokens: 'jwt'`. */
  readonly signingKey?: JWK
  /** `'jwt'`: RFC 9068 with `cnf`. `'opaque'`: random, looked up by introspection. */
  readonly tokens: 'jwt' | 'opaque'
  /** Where opaque tokens and revocations are kept. Default `memoryTokenStore()`. */
  readonly store?: TokenStore
  /** Default 3600. */
  readonly lifetimeSeconds?: number
  /** The clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number
}

/** How the key comes into the token. */
export type KeyBinding =
  /** The client keeps its private key and sends the public half: the better way. */
  | { readonly by: 'client'; readonly jwk: JWK }
  /** We make the pair, hand it over, and keep only the public half: for clients that cannot. */
  | {
      readonly by: 'server'
      readonly algorithm: 'ES256' | 'ES384' | 'ES512' | 'RS256' | 'PS256' | 'EdDSA'
    }

export interface TokenRequest {
  readonly clientId: string
  /** The resource owner; default the client itself. */
  readonly subject?: string
  readonly audience: string | readonly string[]
  /** Space-delimited (RFC 6749 section 3.3). */
  readonly scope: string
  readonly key: KeyBinding
}

/** The body of a token response (RFC 6749 section 5.1), to be sent with `Cache-Control: no-store`. */
export interface TokenResponse {
  readonly access_token: string
  readonly token_type: 'PoP'
  readonly expires_in: number
  readonly scope: string
  /** The private JWK of a key that we made. It exists nowhere else once the response is sent. */
  readonly access_token_key?: JWK
  /** How to sign with `access_token_key`. */
  readonly alg?: string
}

/** The body of an introspection response (RFC 7662 section 2.2). */
export type IntrospectionResponse = { readonly active: boolean; readonly [member: string]: unknown }

export interface Issuer {
  /**
   * Issues an access token that is bound to a key. Who may have which scope is decided before.
   *
   * @throws IssuerError for a key that cannot be used; nothing is stored then
   */
  issue(request: TokenRequest): Promise<TokenResponse>
  /** Answers introspection. Whoever asks must have been authenticated before (RFC 7662 section 2.1). */
  introspect(token: string): Promise<IntrospectionResponse>
  /** Revokes a token; an unknown one is no error (RFC 7009 section 2.2). */
  revoke(token: string): Promise<void>
  /** The public keys that verify JWT access tokens (RFC 7517 section 5). */
  jwks(): Promise<JSONWebKeySet>
}

const inactive: IntrospectionResponse = Object.freeze({ active: false })

/**
 * The part of an authorization server that binds access tokens to keys.
 *
 * @throws TypeError for wrong options
 */
export function createIssuer(options: IssuerOptions): Issuer {
  const { issuer, tokens, signingKey, now = Date.now } = options
  const { store = memoryTokenStore(now), lifetimeSeconds = 3600 } = options
  if (typeof issuer !== 'string' || !URL.canParse(issuer))
    throw new TypeError('issuer must be a URL')
  if (tokens !== 'jwt' && tokens !== 'opaque')
    throw new TypeError("tokens must be 'jwt' or 'opaque'")
  if (!Number.isSafeInteger(lifetimeSeconds) || lifetimeSeconds <= 0) {
    throw new TypeError('lifetimeSeconds must be a positive whole number')
  }
  if (tokens === 'jwt' && signingKey === undefined)
    throw new TypeError("tokens: 'jwt' needs a signingKey")
  const signer = signingKey && createSigner(signingKey)
  const seconds = (): number => Math.floor(now() / 1000)

  return {
    async issue(request) {
      const bound = await bindKey(request.key)
      const iat = seconds()
      const claims = claimsOf(request, {
        issuer,
        iat,
        exp: iat + lifetimeSeconds,
        jwk: bound.publicKey,
      })
      const token =
        tokens === 'jwt' && signer ? await signer.sign(claims) : await storeOpaque(claims, store)
      return {
        access_token: token,
        token_type: 'PoP',
        expires_in: lifetimeSeconds,
        scope: request.scope,
        ...(bound.privateKey && {
          access_token_key: bound.privateKey,
          alg: String(bound.privateKey.alg),
        }),
      }
    },
    async introspect(token) {
      const record = await store.get(hashOf(token))
      const claims = record?.claims ?? (await signer?.read(token))
      if (claims === undefined || Number(claims['exp']) <= seconds()) return inactive
      if (claims['revoked'] === true) return inactive
      const { jwk } = claims['cnf'] as { jwk: JWK }
      return { active: true, ...claims, token_type: 'PoP', access_token_key: jwk }
    },
    async revoke(token) {
      const exp = seconds() + lifetimeSeconds
      const own = await signer?.read(token)
      // A JWT lives outside of the store, so its revocation must live in it.
      await store.put(hashOf(token), own && { claims: { revoked: true, exp }, expiresAt: exp })
    },
    async jwks() {
      return signer === undefined ? { keys: [] } : { keys: [await signer.publicKey] }
    },
  }
}

interface BoundKey {
  readonly publicKey: JWK
  readonly privateKey?: JWK
}

async function bindKey(key: KeyBinding): Promise<BoundKey> {
  if (key.by === 'client') return { publicKey: readClientKey(key.jwk) }
  if (key.by !== 'server') throw new IssuerError('The request names no way to bind a key')
  const pair = await generateKeyPair(key.algorithm, { extractable: true })
  const publicKey = { ...(await exportJWK(pair.publicKey)), alg: key.algorithm }
  // A fresh key for each token, named by its thumbprint: two tokens never share one.
  const kid = await calculateJwkThumbprint(publicKey)
  const privateKey = { ...(await exportJWK(pair.privateKey)), alg: key.algorithm, kid }
  return { publicKey: { ...publicKey, kid }, privateKey }
}

type Claims = Readonly<Record<string, unknown>>

function claimsOf(
  { clientId, subject = clientId, audience, scope }: TokenRequest,
  { issuer, iat, exp, jwk }: { issuer: string; iat: number; exp: number; jwk: JWK },
): Claims {
  const jti = randomBytes(16).toString('base64url')
  return {
    iss: issuer,
    sub: subject,
    aud: audience,
    client_id: clientId,
    scope,
    iat,
    exp,
    jti,
    cnf: { jwk },
  }
}

/** 256 random bits; the store sees only their hash. */
async function storeOpaque(claims: Claims, store: TokenStore): Promise<string> {
  const token = randomBytes(32).toString('base64url')
  await store.put(hashOf(token), { claims, expiresAt: Number(claims['exp']) })
  return token
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

interface Signer {
  readonly publicKey: Promise<JWK>
  sign(claims: Claims): Promise<string>
  /** The claims of a token that we signed; undefined for any other. */
  read(token: string): Promise<Claims | undefined>
}

function createSigner(signingKey: JWK): Signer {
  const { alg } = signingKey
  if (typeof alg !== 'string') throw new TypeError('signingKey needs an alg')
  if (signingKey.d === undefined) throw new TypeError('signingKey must be a private key')
  const privateKey = importJWK(signingKey, alg)
  const publicKey = namePublicHalf(signingKey)
  // Reported by the first use; without a handler it would end the process before.
  privateKey.catch(() => {})
  publicKey.catch(() => {})

  return {
    publicKey,
    async sign(claims) {
      const { kid } = await publicKey
      const header = { typ: 'at+jwt', alg, ...(kid !== undefined && { kid }) }
      return new SignJWT({ ...claims }).setProtectedHeader(header).sign(await privateKey)
    },
    async read(token) {
      try {
        const keys = createLocalJWKSet({ keys: [await publicKey] })
        const { payload } = await compactVerify(token, keys, { algorithms: [alg] })
        return JSON.parse(new TextDecoder().decode(payload)) as Claims
      } catch {
        return undefined
      }
    },
  }
}

async function namePublicHalf(signingKey: JWK): Promise<JWK> {
  const { kty, crv, x, y, n, e, alg } = signingKey
  const members = Object.entries({ kty, crv, x, y, n, e, alg, use: 'sig' })
  const jwk = Object.fromEntries(members.filter(([, value]) => value !== undefined)) as JWK
  return { ...jwk, kid: await calculateJwkThumbprint(jwk) }
}
