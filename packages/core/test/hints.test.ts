import {
  bearer,
  createVerifier,
  dpop,
  pop,
  storedTokens,
  type HttpRequest,
  type PopError,
  type PopOptions,
  type StoredRecord,
  type VerifierOptions,
} from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  dpopRequest,
  popRequest,
  signCompact,
  signDpop,
  signPop,
  thumbprintOf,
} from '@oauth-pop/testkit'
import { describe, expect, test } from 'vitest'
import { bearerRequest } from './bearer-request.ts'

const clock = createClock()
const { holder } = createHolders()
const alice = holder()
const signed = (claims: Readonly<Record<string, unknown>> = {}): HttpRequest =>
  popRequest(signPop(alice, clock.seconds(), claims))
const underPop = (token: string): HttpRequest => popRequest(token)

interface Case {
  readonly request: HttpRequest
  readonly record?: StoredRecord
  readonly pop?: PopOptions
  readonly options?: Partial<VerifierOptions>
}

/** The code, and the evidence as a log shows it. */
async function ask({ request, record = {}, pop: own = {}, options }: Case): Promise<unknown> {
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens: storedTokens(() => ({ aud: apiUrl, ...record }), { audience: apiUrl }),
    schemes: [pop(own), dpop(), bearer()],
    now: clock.now,
    ...options,
  })
  return verifier.verify(request).then(
    () => 'accepted',
    ({ code, cause }: PopError) => [code, cause],
  )
}

const jwt = (header: object, payload: object): string =>
  signCompact({ alg: 'ES256', ...header }, payload, alice.privateKey)
const inAt = 'a signed request that holds the access token in at'

describe('an access token in place of a proof is named', { tags: ['rule-event'] }, () => {
  const claims = { iss: 'https://as.example.com', aud: apiUrl }
  test.each<[string, string, string, object]>([
    [
      'a JWT with its type',
      jwt({ typ: 'at+jwt' }, claims),
      'ERR_POP_PROOF_TYPE',
      { member: 'typ', expected: `none pop jwt of ${inAt}`, actual: 'at+jwt' },
    ],
    [
      'a JWT of an older issuer',
      jwt({ typ: 'JWT' }, claims),
      'ERR_POP_PROOF_MEMBER_MISSING',
      { member: 'at', expected: inAt },
    ],
    [
      'an opaque one',
      'opaque',
      'ERR_POP_PROOF_MALFORMED',
      { member: 'parts', expected: inAt, actual: 'not three parts' },
    ],
    [
      'an encrypted one',
      'a.b.c.d.e',
      'ERR_POP_PROOF_MALFORMED',
      { member: 'parts', expected: inAt, actual: 'not three parts' },
    ],
  ])('%s', async (_, token, code, evidence) => {
    expect(await ask({ request: underPop(token) })).toEqual([code, evidence])
  })
})

const [head = '', body = '', signature = ''] = signPop(alice, clock.seconds()).split('.')

test.each<[string, object]>([
  [`W10.${body}.${signature}`, { member: 'header', expected: 'a JSON object in base64url' }],
  [`${head}.W10.${signature}`, { member: 'payload', expected: 'a JSON object in base64url' }],
  [`${head}.${body}.${signature}=`, { member: 'signature', expected: 'base64url' }],
])('the part of a proof that is malformed is named, not shown: row %#', async (text, evidence) => {
  expect(await ask({ request: underPop(text) })).toEqual(['ERR_POP_PROOF_MALFORMED', evidence])
})

describe('the form that a member should have is named, its value is not', () => {
  const dana = holder('jkt')
  const danas = (claims: object): HttpRequest =>
    dpopRequest(dana, signDpop(dana, clock.seconds(), { ...claims }))
  const long = 'secret'.repeat(100)

  test.each<[string, HttpRequest, string]>([
    ['ts', signed({ ts: 1.5 }), 'a whole number of seconds'],
    ['ts', signed({ ts: '1' }), 'a whole number of seconds or pop({ stringTimestamps: true })'],
    ['jti', signed({ jti: long }), '1 to 256 characters'],
    ['nonce', signed({ nonce: long }), '1 to 128 characters'],
    ['at', signed({ at: 7 }), 'text'],
    ['iat', danas({ iat: '1' }), 'a number of seconds'],
    ['exp', danas({ exp: '1' }), 'a number of seconds'],
    ['nbf', danas({ nbf: '1' }), 'a number of seconds'],
    ['jti', danas({ jti: long }), '1 to 256 characters'],
    ['nonce', danas({ nonce: 7 }), 'text'],
  ])('%s: row %#', async (member, request, expected) => {
    expect(await ask({ request })).toEqual(['ERR_POP_PROOF_MEMBER_INVALID', { member, expected }])
  })
})

describe('a path that does not match comes with what would', () => {
  const at = (p: string, target: string): HttpRequest => ({ ...signed({ p }), target })
  test.each<[string, string, string, string]>([
    ['MSAL.js', '/photos', '/Photos', "/Photos or pop({ path: 'msal' })"],
    ['a prefix', '/api/photos', '/photos', '/photos or a publicUrl with the path before it'],
    ['neither', '/photos', '/albums', '/albums'],
    ['a part of a name', '/myphotos', '/photos', '/photos'],
  ])('%s', async (_, p, target, expected) => {
    const evidence = { member: 'p', expected, actual: p }
    expect(await ask({ request: at(p, target), record: { cnf: { jwk: alice.jwk } } })).toEqual([
      'ERR_POP_PATH_MISMATCH',
      evidence,
    ])
  })
})

describe('the binding of a token', () => {
  const none = async (): Promise<undefined> => undefined
  const dana = holder('jkt')
  const danas = dpopRequest(dana, signDpop(dana, clock.seconds()))
  const thumbprint = thumbprintOf(alice.jwk)
  const missing = 'the key whose thumbprint is cnf.kid of the token'

  test.each<[string, Case, string, object]>([
    [
      'without cnf and resolveKey',
      { request: signed() },
      'ERR_POP_TOKEN_UNBOUND',
      { member: 'cnf', actual: 'none' },
    ],
    [
      'that resolveKey does not know',
      { request: signed(), pop: { resolveKey: none } },
      'ERR_POP_TOKEN_UNBOUND',
      { member: 'cnf', actual: 'none, and resolveKey gave none' },
    ],
    [
      'by a kid, without a key in the proof',
      { request: signed({ cnf: undefined }), record: { cnf: { kid: 'device-7' } } },
      'ERR_POP_PROOF_MEMBER_MISSING',
      { member: 'cnf', expected: missing, actual: 'none' },
    ],
    [
      'by a kid that resolveKey does not know, without a key in the proof',
      {
        request: signed({ cnf: undefined }),
        record: { cnf: { kid: 'device-7' } },
        pop: { resolveKey: none },
      },
      'ERR_POP_PROOF_MEMBER_MISSING',
      { member: 'cnf', expected: missing, actual: 'none, and resolveKey gave none' },
    ],
    [
      'by a kid that resolveKey does not know, with a key in the proof',
      {
        request: signed({ cnf: { jwk: alice.jwk } }),
        record: { cnf: { kid: 'device-7' } },
        pop: { resolveKey: none },
      },
      'ERR_POP_BINDING_OTHER_KEY',
      {
        member: 'kid',
        expected: 'device-7',
        actual: `${thumbprint}, and resolveKey gave none`,
      },
    ],
    [
      'by a kid, with another key in the proof',
      { request: signed({ cnf: { jwk: alice.jwk } }), record: { cnf: { kid: 'device-7' } } },
      'ERR_POP_BINDING_OTHER_KEY',
      { member: 'kid', expected: 'device-7', actual: thumbprint },
    ],
    [
      'of DPoP under PoP',
      { request: signed(), record: { cnf: { jkt: thumbprint } } },
      'ERR_POP_BINDING_OTHER_METHOD',
      { member: 'jkt', actual: 'for DPoP' },
    ],
    [
      'of PoP under DPoP',
      { request: danas, record: { cnf: { jwk: dana.jwk } } },
      'ERR_POP_BINDING_OTHER_METHOD',
      { member: 'jwk', actual: 'for PoP' },
    ],
    [
      'of a certificate',
      { request: signed(), record: { cnf: { 'x5t#S256': 'x' } } },
      'ERR_POP_BINDING_OTHER_METHOD',
      { member: 'x5t#S256', actual: 'for mTLS' },
    ],
    [
      'of a URL that nobody trusts',
      { request: signed(), record: { cnf: { jku: 'https://keys.example.com' } } },
      'ERR_POP_BINDING_OTHER_METHOD',
      { member: 'jku', actual: 'for PoP with jkuHosts' },
    ],
    [
      'of PoP by its token_type',
      { request: danas, record: { token_type: 'PoP', cnf: { jkt: thumbprintOf(dana.jwk) } } },
      'ERR_POP_BINDING_OTHER_METHOD',
      { member: 'token_type', actual: 'for PoP' },
    ],
    [
      'by an encrypted key that nobody can read',
      { request: signed(), record: { cnf: { jwe: 'x' } } },
      'ERR_POP_CONFIRMATION_KEY_INVALID',
      { member: 'jwe', expected: 'decryptionKeys', actual: 'none' },
    ],
  ])('%s', async (_, given, code, evidence) => {
    expect(await ask(given)).toEqual([code, evidence])
  })

  test.each<[string, StoredRecord, string | undefined]>([
    ['cnf', { cnf: { jwk: alice.jwk }, access_token_key: alice.jwk }, undefined],
    ['access_token_key', { access_token_key: alice.jwk }, undefined],
    ['public_key', { public_key: alice.jwk }, 'public_key'],
  ])('is named where a bearer comes with it: %s', async (member, record, keyMember) => {
    const tokens = storedTokens(() => ({ aud: apiUrl, ...record }), {
      audience: apiUrl,
      ...(keyMember !== undefined && { keyMember }),
    })
    expect(await ask({ request: bearerRequest('token'), options: { tokens } })).toEqual([
      'ERR_POP_TOKEN_BOUND',
      { member },
    ])
  })

  test('is named key where no claim holds it', async () => {
    const token = { claims: {}, scopes: [], audience: [], key: alice.jwk }
    const tokens = { resolve: async () => token }
    expect(await ask({ request: bearerRequest('token'), options: { tokens } })).toEqual([
      'ERR_POP_TOKEN_BOUND',
      { member: 'key' },
    ])
  })
})
