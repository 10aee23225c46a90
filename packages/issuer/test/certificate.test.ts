import {
  createIssuer,
  memoryTokenStore,
  type Issuer,
  type KeyBinding,
  type TokenStore,
} from '@oauth-pop/issuer'
import { readCertificate } from '@oauth-pop/testkit'
import { calculateJwkThumbprint, decodeJwt, SignJWT, importJWK } from 'jose'
import { describe, expect, test, vi } from 'vitest'
import { privateJwk, publicHalf } from './keys.ts'

const alice = readCertificate('alice')
const bob = readCertificate('bob')
const request = { clientId: 'app', audience: 'https://api.example.com', scope: 'read' }
const issuerUrl = 'https://as.example.com'
const signingKey = await privateJwk()
const jwk = publicHalf(await privateJwk())
const thumbprint = await calculateJwkThumbprint(jwk)

function createWatched(tokens: 'jwt' | 'opaque'): { issuer: Issuer; put: TokenStore['put'] } {
  const kept = memoryTokenStore()
  const put = vi.fn<TokenStore['put']>((...record) => kept.put(...record))
  const store = { ...kept, put }
  return { issuer: createIssuer({ issuer: issuerUrl, tokens, signingKey, store }), put }
}

/** The confirmation that a token shows to whoever reads it. */
function readable(token: string): unknown {
  return token.includes('.') ? decodeJwt(token)['cnf'] : undefined
}

describe.each(['opaque', 'jwt'] as const)('an %s token', (tokens) => {
  test.each([alice, bob])(
    'that is bound to a certificate is a bearer token with its thumbprint: case %$',
    { tags: ['issuer-mtls-token'] },
    async ({ der, thumbprint: x5t }) => {
      const { issuer } = createWatched(tokens)
      const issued = await issuer.issue({ ...request, key: { by: 'client', certificate: der } })
      expect(Object.keys(issued)).toEqual(['access_token', 'token_type', 'expires_in', 'scope'])
      expect(issued.token_type).toBe('Bearer')
      const cnf = { 'x5t#S256': x5t }
      const answer = await issuer.introspect(issued.access_token)
      expect(answer).toMatchObject({ active: true, token_type: 'Bearer' })
      expect(answer['cnf']).toEqual(cnf)
      expect(readable(issued.access_token)).toEqual(tokens === 'jwt' ? cnf : undefined)
    },
  )

  test.each<[string, KeyBinding, object, string]>([
    ['a DPoP key', { by: 'client', jkt: thumbprint }, { jkt: thumbprint }, 'DPoP'],
    ['a key', { by: 'client', jwk }, { jwk }, 'PoP'],
    ['the thumbprint of a key', { by: 'client', thumbprint }, { kid: thumbprint }, 'PoP'],
    [
      'a key of ours',
      { by: 'server', algorithm: 'ES256' },
      { jwk: expect.objectContaining({ kty: 'EC' }) as unknown },
      'PoP',
    ],
  ])(
    'that is bound to a certificate and %s names both',
    { tags: ['issuer-mtls-both'] },
    async (_, key, other, tokenType) => {
      const { issuer } = createWatched(tokens)
      const issued = await issuer.issue({ ...request, key: { ...key, certificate: alice.der } })
      expect(issued.token_type).toBe(tokenType)
      expect('access_token_key' in issued).toBe(key.by === 'server')
      const answer = await issuer.introspect(issued.access_token)
      expect(answer).toMatchObject({ active: true, token_type: tokenType })
      expect(answer['cnf']).toEqual({ ...other, 'x5t#S256': alice.thumbprint })
    },
  )

  const unusable: Readonly<Record<string, unknown>> = {
    PEM: Buffer.from(alice.cert),
    'one byte more': Buffer.concat([alice.der, Buffer.alloc(1)]),
    'one byte less': alice.der.subarray(0, -1),
    'two certificates': Buffer.concat([alice.der, bob.der]),
    'no byte': new Uint8Array(),
  }
  test.each(Object.entries(unusable))(
    'is not bound to %s, and nothing is stored',
    { tags: ['issuer-mtls-token'] },
    async (_, certificate) => {
      const { issuer, put } = createWatched(tokens)
      const key = { by: 'client', certificate: certificate as Uint8Array } as const
      await expect(issuer.issue({ ...request, key })).rejects.toMatchObject({
        name: 'IssuerError',
        error: 'invalid_request',
        message: 'The certificate of the client is not usable',
      })
      expect(put).not.toHaveBeenCalled()
    },
  )

  test.each([undefined, null, alice.cert, alice.thumbprint, {}])(
    'for a certificate that is no bytes is a mistake of the caller, also beside a key: case %$',
    async (certificate) => {
      const { issuer, put } = createWatched(tokens)
      for (const key of [{ by: 'client' }, { by: 'client', jkt: thumbprint }]) {
        const wrong = { ...key, certificate } as unknown as KeyBinding
        await expect(issuer.issue({ ...request, key: wrong })).rejects.toThrow(TypeError)
      }
      expect(put).not.toHaveBeenCalled()
    },
  )
})

test(
  'a bound JWT is revoked, and one that is bound to nothing is never active',
  { tags: ['issuer-mtls-token'] },
  async () => {
    const { issuer } = createWatched('jwt')
    const key: KeyBinding = { by: 'client', certificate: alice.der }
    const { access_token: token } = await issuer.issue({ ...request, key })
    expect(await issuer.introspect(await resign(token, {}))).toMatchObject({ active: true })
    for (const cnf of [{}, undefined, { x5t: alice.thumbprint }])
      expect(await issuer.introspect(await resign(token, { cnf }))).toEqual({ active: false })
    await issuer.revoke(token)
    expect(await issuer.introspect(token)).toEqual({ active: false })
  },
)

async function resign(token: string, change: object): Promise<string> {
  return new SignJWT({ ...decodeJwt(token), ...change })
    .setProtectedHeader({ typ: 'at+jwt', alg: 'ES256' })
    .sign(await importJWK(signingKey, 'ES256'))
}
