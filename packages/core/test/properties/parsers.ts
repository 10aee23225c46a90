import { bearer, dpop, jwtTokens, pop, PopError, type HttpRequest, type Jwk } from '@oauth-pop/core'
import { apiUrl, hashOf } from '@oauth-pop/testkit'
import { generateKeyPairSync } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import { compareHeaders } from '../../src/binding/headers.ts'
import { compareQuery, uncoveredQuery } from '../../src/binding/query.ts'
import { readCredential } from '../../src/credential.ts'
import { publishRefused } from '../../src/events.ts'
import { readCompactJws } from '../../src/jws/compact.ts'
import { parseStrictObject } from '../../src/jws/strict-json.ts'
import { locationsOf, readLocations, readTarget } from '../../src/location.ts'
import { originOf } from '../../src/node/framework-view.ts'
import { createNonceSource } from '../../src/nonce.ts'
import { checkHost } from '../../src/request.ts'
import { profiles } from '../../src/schemes/mtls/profiles.ts'
import { readProxy } from '../../src/schemes/mtls/proxy.ts'
import type { Exchange, Scheme } from '../../src/schemes/scheme.ts'
import { clock, dpopClaims, popClaims } from './fixtures.ts'

const locations = readLocations(apiUrl) ?? []
const wildcard = readLocations('https://*.example.com')
const several = readLocations([apiUrl, 'https://other.example'])
const schemes = [pop(), dpop(), bearer()]
const get = (...rawHeaders: string[]): HttpRequest => ({ method: 'GET', target: '/', rawHeaders })
const post = (...rawHeaders: string[]): HttpRequest => ({ ...get(...rawHeaders), method: 'POST' })
const rules = { form: 'auto', uncovered: 'reject' } as const
const formType = ['Content-Type', 'application/x-www-form-urlencoded'] as const
const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) as Jwk
const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
const compact = (header: object, payload: object): string =>
  `${encode(header)}.${encode(payload)}.AA`

const exchange: Exchange = {
  request: get(),
  target: { path: '/items', query: '' },
  locations,
  now: popClaims.ts,
  maxAgeSeconds: 300,
  maxAheadSeconds: 30,
  clockToleranceSeconds: 30,
  nonces: createNonceSource({}, apiUrl, clock.now).at(clock.seconds()),
}

/** Reads and compares a proof without key and signature, and without the limits on its length. */
async function judge(scheme: Scheme, value: string, request = exchange.request): Promise<void> {
  const credential = { scheme, value, transport: 'header', word: 'pop' } as const
  const here = { ...exchange, request }
  await scheme.compare(scheme.read(credential, here), here)
}

const lenientPop = pop({ path: 'msal', stringTimestamps: true, require: ['ts'] })
const judgePop = (header: object, claims: object): Promise<void> =>
  judge(
    lenientPop,
    compact({ typ: 'pop', alg: 'EdDSA', ...header }, { at: 'token', ts: popClaims.ts, ...claims }),
  )

const longDpop = dpop({ maxProofLength: 2 ** 24 })
const judgeDpop = (header: object, claims: object): Promise<void> =>
  judge(
    longDpop,
    'token',
    get(
      'DPoP',
      compact({ typ: 'dpop+jwt', alg: 'EdDSA', jwk, ...header }, { ...dpopClaims, ...claims }),
    ),
  )

const issuer = 'https://as.example.com'
const jwts = jwtTokens({
  issuer: [issuer, `${issuer}/{tenantid}/v2.0`],
  audience: apiUrl,
  jwks: { keys: [{ ...jwk, kid: 'a' }] },
  decryptionKeys: [{ kty: 'oct', k: 'A'.repeat(43), alg: 'A256GCMKW', use: 'enc' }],
})
const resolve = (token: string): Promise<unknown> =>
  jwts.resolve(token, { sha256: Buffer.from(hashOf(token), 'base64url') })

const form = (text: string): HttpRequest => ({
  ...post(...formType),
  body: async () => Buffer.from(text),
})
/** What a trusted proxy says, as the framework hands it on. */
const forwarded = (headers: IncomingMessage['headers']): HttpRequest => ({
  ...get('Host', 'api.example.com'),
  origin: originOf({ headers, socket: null } as unknown as IncomingMessage, true),
})

// Nobody would read the target for an event that nobody hears.
subscribe('oauth-pop:refused', () => {})

type Parser = (text: string) => unknown

const peer = { address: '10.0.0.1' }
const behindProxy = readProxy({ profile: 'xfcc', trust: ['10.0.0.1'] })
const pem = (text: string): string => `-----BEGIN CERTIFICATE-----${text}-----END CERTIFICATE-----`

/** Everything that reads bytes of a request before it is verified, each driven by one text. */
export const parsers: Readonly<Record<string, Parser>> = {
  Authorization: (text) => readCredential(get('Authorization', `PoP ${text}`), schemes),
  'an Authorization scheme': (text) => readCredential(get('Authorization', text), schemes),
  'Content-Type': (text) => readCredential(post('Content-Type', text), schemes),
  'two Content-Types': (text) => readCredential(post(...formType, 'Content-Type', text), schemes),
  'a parameter of Content-Type': (text) =>
    readCredential({ ...post('Content-Type', `${formType[1]};${text}`), parsedForm: {} }, schemes),
  charset: (text) =>
    readCredential(
      { ...post('Content-Type', `${formType[1]};charset=${text}`), parsedForm: {} },
      schemes,
    ),
  'Content-Encoding': (text) =>
    readCredential({ ...form('a'), rawHeaders: [...formType, 'Content-Encoding', text] }, schemes),
  'the query': (text) => readCredential({ ...get(), target: `/?${text}` }, schemes),
  'a form': (text) => readCredential(form(text), schemes),
  'a parsed form': (text) =>
    readCredential({ ...post(...formType), parsedForm: { [text]: text } }, schemes),
  Host: (text) => checkHost(get('Host', text)),
  'the Host that a wildcard stands for': (text) => {
    const request = get('Host', `${text}.example.com`)
    checkHost(request)
    return locationsOf(wildcard, request)
  },
  'X-Forwarded-Host': (text) => locationsOf(undefined, forwarded({ 'x-forwarded-host': text })),
  'X-Forwarded-Host beside several public URLs': (text) =>
    locationsOf(several, forwarded({ 'x-forwarded-host': text })),
  'the path of X-Forwarded-Host': (text) =>
    locationsOf(undefined, forwarded({ 'x-forwarded-host': `a/${text}` })),
  'X-Forwarded-Proto': (text) => locationsOf(undefined, forwarded({ 'x-forwarded-proto': text })),
  'an absolute target': (text) => readTarget(`http://${text}`, locations),
  'the path of an absolute target': (text) => readTarget(`${apiUrl}/${text}`, locations),
  'the target': (text) => readTarget(`/${text}`, locations),
  'the target in an event': (text) => {
    const target = `/${text}`
    publishRefused(new PopError('ERR_POP_INTERNAL'), undefined, {
      request: { method: 'GET', target },
    })
  },
  'a compact JWS': (text) => readCompactJws(text, 'ERR_POP_PROOF_MALFORMED'),
  'a JWS payload': (text) => {
    const segment = Buffer.from(text).toString('base64url')
    return readCompactJws(`e30.${segment}.AA`, 'ERR_POP_PROOF_MALFORMED')
  },
  'a JSON string': (text) => parseStrictObject(Buffer.from(JSON.stringify({ a: text, b: text }))),
  'JSON members': (text) => parseStrictObject(Buffer.from(`{"a":1${text}`)),
  'JSON nesting': (text) => parseStrictObject(Buffer.from(`{"a":${text}`)),
  'the signed query': (text) =>
    compareQuery({ names: ['a', 'b'], value: 'x' }, `a=1&b=${text}`, 'c', rules),
  'a query beside the signed one': (text) =>
    compareQuery({ names: ['a'], value: hashOf('a=1') }, `a=1&${text}`, 'c', {
      ...rules,
      uncovered: 'allow',
    }),
  'an unsigned query': (text) => uncoveredQuery(text, 'c'),
  'the query of MSAL.js': (text) => compareQuery({ names: [], value: text }, text, 'c', rules),
  'a signed header': (text) => compareHeaders({ names: ['a'], value: 'x' }, get('a', text)),
  'the name of a signed header': (text) =>
    compareHeaders({ names: [text], value: 'x' }, get(text, 'a')),
  'the DPoP header': (text) => judge(longDpop, 'token', get('DPoP', text)),
  'the typ of a PoP proof': (text) => judgePop({ typ: text }, {}),
  ...Object.fromEntries(
    ['at', 'ts', 'm', 'u', 'p', 'b', 'nonce', 'jti'].map((member): [string, Parser] => [
      member,
      (text) => judgePop({}, { [member]: text }),
    ]),
  ),
  ...Object.fromEntries(
    ['jti', 'htm', 'htu', 'ath', 'nonce'].map((member): [string, Parser] => [
      `${member} of DPoP`,
      (text) => judgeDpop({}, { [member]: text }),
    ]),
  ),
  q: (text) => judgePop({}, { q: [[text], text] }),
  h: (text) => judgePop({}, { h: [[text], text] }),
  'the path of htu': (text) => judgeDpop({}, { htu: `${apiUrl}/${text}` }),
  'the authority of htu': (text) => judgeDpop({}, { htu: `https://${text}` }),
  'the path beside htu': (text) =>
    longDpop.compare(
      longDpop.read(
        { scheme: longDpop, value: 'token', transport: 'header', word: 'dpop' },
        {
          ...exchange,
          request: get('DPoP', compact({ typ: 'dpop+jwt', alg: 'EdDSA', jwk }, dpopClaims)),
        },
      ),
      { ...exchange, target: { path: text, query: '' } },
    ),
  'the key of a DPoP proof': (text) => judgeDpop({ jwk: { ...jwk, x: text } }, {}),
  'a header of a proxy': (text) =>
    behindProxy({ ...get('X-Forwarded_Client-Cert', text, text, ''), peer: () => peer }),
  ...Object.fromEntries(
    Object.entries(profiles).map(([name, profile]): [string, Parser] => [
      `the certificate of ${name}`,
      (text) => profile.read(text),
    ]),
  ),
  'the hash of a forwarded certificate': (text) => profiles.xfcc.read(`Hash="${text}"`),
  'a forwarded certificate': (text) => profiles.xfcc.read(`By="${text}";Hash=${'0'.repeat(64)}`),
  'the text of a certificate': (text) => profiles['aws-alb-passthrough'].read(pem(text)),
  'a chain of certificates': (text) => profiles['aws-alb-passthrough'].read(pem('') + text),
  'an access token': resolve,
  'an encrypted access token': (text) =>
    resolve(`${encode({ alg: 'dir', enc: text })}.a.a.${text}.a`),
  'the issuer of an access token': (text) =>
    resolve(compact({ typ: 'at+jwt', alg: 'EdDSA' }, { iss: `${issuer}/${text}/v2.0` })),
  'the typ of an access token': (text) =>
    resolve(compact({ typ: text, alg: 'EdDSA' }, { iss: issuer })),
}
