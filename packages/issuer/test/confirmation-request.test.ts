import { IssuerError, readConfirmationRequest } from '@oauth-pop/issuer'
import fc from 'fast-check'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, test } from 'vitest'
import { privateJwk, publicHalf } from './keys.ts'

const key = await privateJwk('ES256')
const jwk = publicHalf(key)
const thumbprint = await calculateJwkThumbprint(jwk)

function encode(value: unknown, encoding: BufferEncoding = 'base64url'): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString(encoding)
}

describe('readConfirmationRequest', () => {
  const byThumbprint = { by: 'client', thumbprint }
  const byValue = { by: 'client', jwk }
  test.each([
    ['a thumbprint', { req_cnf: encode({ kid: thumbprint }) }, byThumbprint],
    ['as MSAL sends it', { req_cnf: encode({ kid: thumbprint, xms_ksl: 'sw' }) }, byThumbprint],
    ['a key', { req_cnf: encode({ jwk }) }, byValue],
    ['in base64 with padding', { req_cnf: encode({ kid: thumbprint }, 'base64') }, byThumbprint],
    [
      'as OpenAM clients send it',
      { cnf_key: encode({ jwk: { ...jwk, use: 'sig', kid: 'a' } }, 'base64') },
      byValue,
    ],
    ['a bare key in cnf_key', { cnf_key: encode({ ...jwk, kid: 'a' }, 'base64') }, byValue],
    [
      'as Microsoft.Identity.Web sends it',
      { req_cnf: encode({ ...jwk, kid: thumbprint }) },
      byValue,
    ],
    ['nothing', {}, undefined],
    ['nothing, with a value for it', { req_cnf: '', cnf_key: '' }, undefined],
    ['nothing, but a name of every object', { constructor: 'x' }, undefined],
  ])('reads %s', { tags: ['rule-issuer-confirmation'] }, (_, parameters, expected) => {
    expect(readConfirmationRequest(parameters)).toEqual(expected)
    const form = Object.entries(parameters) as [string, string][]
    expect(readConfirmationRequest(new URLSearchParams(form))).toEqual(expected)
  })

  test.each([
    ['two keys', { req_cnf: encode({ kid: thumbprint }), cnf_key: encode(jwk) }],
    ['two keys in one', { req_cnf: encode({ kid: thumbprint, jwk }) }],
    ['two keys in one', { req_cnf: encode({ ...jwk, jwk }) }],
    ['two keys in one', { cnf_key: encode({ ...jwk, jwk }) }],
    ['a key in null', { cnf_key: encode({ jwk: null }) }],
    ['a thumbprint in cnf_key', { cnf_key: encode({ kid: thumbprint }) }],
    ['no key', { cnf_key: encode({ alg: 'ES256' }) }],
    ['no key', { req_cnf: encode({ xms_ksl: 'sw' }) }],
    ['JSON without base64', { req_cnf: JSON.stringify({ kid: thumbprint }) }],
    ['base64 without JSON', { req_cnf: encode('{') }],
    ['base64 with another character', { req_cnf: `${encode({ kid: thumbprint })}!` }],
    ['base64 with a space', { req_cnf: ` ${encode({ kid: thumbprint })}` }],
    ['a list', { req_cnf: encode([thumbprint]) }],
    ['null', { req_cnf: encode('null') }],
    ['an encrypted key', { req_cnf: encode({ jwe: 'a.b.c.d.e' }) }],
    ['another hash', { req_cnf: encode({ kid: thumbprint.slice(1) }) }],
    ['a private key', { req_cnf: encode({ jwk: key }) }],
    ['a private key', { req_cnf: encode(key) }],
    ['a private key', { cnf_key: encode(key) }],
    ['a private key', { cnf_key: encode({ jwk: key }) }],
    ['no text', { req_cnf: { kid: thumbprint } }],
    ['a list of texts', { cnf_key: [encode(jwk), encode(jwk)] }],
    ['too much', { req_cnf: encode({ kid: thumbprint, more: 'x'.repeat(8192) }) }],
  ])('refuses %s', (_, parameters) => {
    expect(() => readConfirmationRequest(parameters)).toThrow(
      expect.objectContaining({ error: 'invalid_request', status: 400 }),
    )
  })

  test('reads nothing that the request has not brought itself', () => {
    const inherited = Object.create({ req_cnf: encode({ kid: thumbprint }) }) as object
    expect(readConfirmationRequest({ ...inherited })).toBeUndefined()
    expect(readConfirmationRequest(inherited as Record<string, unknown>)).toBeUndefined()
  })

  test('refuses a parameter that comes twice', () => {
    const twice = new URLSearchParams([
      ['req_cnf', encode({ jwk })],
      ['req_cnf', encode({ jwk })],
    ])
    expect(() => readConfirmationRequest(twice)).toThrow('one key')
  })

  test('answers whatever comes with a key or an IssuerError', () => {
    const members = fc.oneof(fc.json(), fc.constant(JSON.stringify({ jwk })))
    const value = fc.oneof(
      fc.string(),
      fc.anything(),
      members.map((text) => encode(text)),
    )
    const outcomeOf = (parameters: Record<string, unknown>): string | undefined => {
      try {
        return readConfirmationRequest(parameters)?.by
      } catch (error) {
        return error instanceof IssuerError ? error.error : 'a crash'
      }
    }
    fc.assert(
      fc.property(value, fc.constantFrom('req_cnf', 'cnf_key'), (any, name) => {
        expect([undefined, 'client', 'invalid_request']).toContain(outcomeOf({ [name]: any }))
      }),
    )
  })
})
