import { createHash, randomBytes } from 'node:crypto'
import type { JSONWebKeySet, JWK } from 'jose'
import { createEncrypt } from './encryption.ts'
import { bindKey, type BoundKey, type KeyBinding } from './key-binding.ts'
import { memoryTokenStore, type TokenStore } from './token-store.ts'
import { createTokenSigner, type Claims } from './token-signer.ts'

export interface IssuerOptions {
  /**
   * The issuer identifier: an https URL without query and fragment (RFC 8414 section 2); http for
   * the loopback interface.
   */
  readonly issuer: string
  /**
   * A private JWK with its `alg`, for JWT access tokens. In a list the first signs and the others are
   * published and good beside it: put a new key second, then first, then drop the old one once its
   * tokens have expired.
   */
  readonly signingKey?: JWK | readonly JWK[]
  /** `'jwt'`: RFC 9068 with `cnf`. `'opaque'`: random, looked up by introspection. */
  readonly tokens: 'jwt' | 'opaque'
  /** Where opaque tokens and revocations are kept. Default `memoryTokenStore()`. */
  readonly store?: TokenStore
  /**
   * The public JWK of the resource server, with its `alg` (`RSA-OAEP-256` or `ECDH-ES`), to which
   * symmetric keys are encrypted.
   */
  readonly encryptionKey?: JWK
  /** Default 3600. */
  readonly lifetimeSeconds?: number
  /** The clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number
}

/** What a token is issued for. */
export interface IssueRequest {
  readonly clientId: string
  /** The resource owner; default the client itself. */
  readonly subject?: string
  readonly audience: string | readonly string[]
  /** Space-delimited (RFC 6749 section 3.3). */
  readonly scope: string
  readonly key: KeyBinding
}

type TokenType = 'PoP' | 'DPoP' | 'Bearer'

/** The body of a token response (RFC 6749 section 5.1), to be sent with `Cache-Control: no-store`. */
export interface TokenResponse {
  readonly access_token: string
  /** `DPoP` for a key that is named by `jkt`, `Bearer` for a certificate alone. */
  readonly token_type: TokenType
  readonly expires_in: number
  readonly scope: string
  /** The private or symmetric JWK of a key that we made. We keep neither. */
  readonly access_token_key?: JWK
  /** How to sign with `access_token_key`. */
  readonly alg?: string
}

/** The body of an introspection response (RFC 7662 section 2.2). */
export type IntrospectionResponse = { readonly active: boolean; readonly [member: string]: unknown }

export interface Issuer {
  /** The issuer identifier. */
  readonly identifier: string
  /**
   * Issues an access token that is bound to a key. Who may have which scope is decided before.
   *
   * @throws IssuerError for a key that cannot be used; nothing is stored then
   * @throws TypeError for a wrong call
   */
  issue(request: IssueRequest): Promise<TokenResponse>
  /**
   * Answers introspection, with `cnf`, and a public key as `access_token_key` too. Whoever asks must
   * have been authenticated before (RFC 7662 section 2.1).
   */
  introspect(token: string): Promise<IntrospectionResponse>
  /** Revokes a token; an unknown one is no error (RFC 7009 section 2.2). */
  revoke(token: string): Promise<void>
  /** The public keys that verify JWT access tokens (RFC 7517 section 5). */
  jwks(): Promise<JSONWebKeySet>
}

const optionNames = [
  'issuer',
  'signingKey',
  'tokens',
  'store',
  'encryptionKey',
  'lifetimeSeconds',
  'now',
]
const inactive: IntrospectionResponse = Object.freeze({ active: false })

/**
 * The part of an authorization server that binds access tokens to keys.
 *
 * @throws TypeError for wrong options
 */
export function createIssuer(options: IssuerOptions): Issuer {
  checkOptions(options)
  const { issuer, tokens, signingKey, encryptionKey, now = Date.now } = options
  const { store = memoryTokenStore(now), lifetimeSeconds = 3600 } = options
  const signer = signingKey && createTokenSigner(issuer, [signingKey].flat())
  const encrypt = encryptionKey && createEncrypt(encryptionKey)
  const seconds = (): number => Math.floor(now() / 1000)

  async function keepOpaque(claims: Claims): Promise<string> {
    const token = randomId(32)
    await store.put(hashOf(token), { claims, expiresAt: Number(claims['exp']) })
    return token
  }

  async function readOpaque(token: string): Promise<Claims | undefined> {
    const claims = (await store.get(hashOf(token)))?.claims
    return claims?.['revoked'] === true ? undefined : claims
  }

  async function readJwt(token: string): Promise<Claims | undefined> {
    const claims = await signer?.read(token)
    if (claims === undefined) return undefined
    const revocation = await store.get(revocationOf(claims))
    return revocation === undefined || revocation === null ? claims : undefined
  }

  return {
    identifier: issuer,
    async issue(request) {
      checkRequest(request)
      const { clientId, subject = clientId, audience, scope } = request
      const { confirmation, accessTokenKey } = await bindKey(request.key, encrypt)
      const iat = seconds()
      const claims = {
        iss: issuer,
        sub: subject,
        aud: audience,
        client_id: clientId,
        scope,
        iat,
        exp: iat + lifetimeSeconds,
        jti: randomId(16),
        cnf: confirmation,
      }
      return {
        access_token: await (tokens === 'jwt' && signer ? signer.sign(claims) : keepOpaque(claims)),
        token_type: typeOf(confirmation),
        expires_in: lifetimeSeconds,
        scope,
        ...keyMembers(accessTokenKey),
      }
    },
    async introspect(token) {
      const claims = (await readOpaque(token)) ?? (await readJwt(token))
      if (claims === undefined || Number(claims['exp']) <= seconds()) return inactive
      const confirmation = claims['cnf'] as BoundKey['confirmation']
      const { jwk } = confirmation
      return {
        active: true,
        ...claims,
        token_type: typeOf(confirmation),
        ...(jwk !== undefined && { access_token_key: jwk }),
      }
    },
    async revoke(token) {
      const jwt = await signer?.read(token)
      if (jwt !== undefined) {
        const revocation = { claims: { revoked: true }, expiresAt: Number(jwt['exp']) }
        await store.put(revocationOf(jwt), revocation)
      } else if ((await readOpaque(token)) !== undefined) {
        await store.put(hashOf(token), undefined)
      }
    },
    async jwks() {
      return (await signer?.jwks()) ?? { keys: [] }
    },
  }
}

/** A resource server takes a token under the one scheme that its binding is for. */
function typeOf(confirmation: BoundKey['confirmation']): TokenType {
  if (Object.hasOwn(confirmation, 'jkt')) return 'DPoP'
  return ['jwk', 'kid', 'jwe'].some((method) => Object.hasOwn(confirmation, method))
    ? 'PoP'
    : 'Bearer'
}

function keyMembers(key: JWK | undefined): Pick<TokenResponse, 'access_token_key' | 'alg'> {
  return key === undefined ? {} : { access_token_key: key, alg: String(key.alg) }
}

function checkOptions(options: IssuerOptions): void {
  const unknown = Object.keys(options).find((name) => !optionNames.includes(name))
  if (unknown !== undefined)
    throw new TypeError(`createIssuer has no option ${JSON.stringify(unknown)}`)
  const { issuer, tokens, signingKey, lifetimeSeconds = 3600, store, now } = options
  if (!isIdentifier(issuer))
    throw new TypeError('issuer must be an https URL without query and fragment')
  if (tokens !== 'jwt' && tokens !== 'opaque')
    throw new TypeError("tokens must be 'jwt' or 'opaque'")
  if (!Number.isSafeInteger(lifetimeSeconds) || lifetimeSeconds <= 0)
    throw new TypeError('lifetimeSeconds must be a positive whole number')
  if (tokens === 'jwt' && signingKey === undefined)
    throw new TypeError("tokens: 'jwt' needs a signingKey")
  if (store !== undefined && (typeof store.put !== 'function' || typeof store.get !== 'function'))
    throw new TypeError('store must have the functions put and get')
  if (now !== undefined && typeof now !== 'function') throw new TypeError('now must be a function')
}

const loopback = ['localhost', '127.0.0.1', '[::1]']

function isIdentifier(issuer: unknown): boolean {
  if (typeof issuer !== 'string' || !URL.canParse(issuer) || /[?#@\s]/.test(issuer)) return false
  const { protocol, hostname } = new URL(issuer)
  return protocol === 'https:' || (protocol === 'http:' && loopback.includes(hostname))
}

function checkRequest({ clientId, subject = clientId, audience, scope, key }: IssueRequest): void {
  const audiences = [audience].flat()
  const texts: readonly unknown[] = [clientId, subject, ...audiences]
  if (audiences.length === 0 || texts.some((text) => typeof text !== 'string' || text === ''))
    throw new TypeError('clientId, subject and audience must be non-empty strings')
  if (typeof scope !== 'string') throw new TypeError('scope must be a string')
  if (typeof key !== 'object' || key === null) throw new TypeError('key must say how to bind a key')
}

function randomId(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}

/**
 * Where the revocation of a JWT is kept. A JWT can be spelt in several ways, so its text names
 * nothing; its `jti` is signed.
 */
function revocationOf({ jti }: Claims): string {
  return hashOf(`revoked ${String(jti)}`)
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
