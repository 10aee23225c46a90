import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto'
import { introspectedTokens, pop, type PopMiddlewareOptions } from '@oauth-pop/express'
import { createClock, encodeRequest, type RawRequest } from '@oauth-pop/testkit'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { listCases, startApi, type Cases, type Outcome } from './api.ts'
import {
  obtainToken,
  protectedResource,
  resourceCall,
  signProof,
  signWith,
  startAuthorizationServer,
  type ProofChange,
  type TokenResponse,
} from './book.ts'

const clock = createClock()
const now = clock.seconds()
const server = await startAuthorizationServer()
const [alice, thief] = [await obtainToken(server), await obtainToken(server)]

afterEach(() => clock.set(now))
afterAll(server.close)

const [clientId, clientSecret] = protectedResource
const asked = {
  endpoint: `${server.url}/introspect`,
  clientId,
  clientSecret,
  audience: 'http://localhost:9002/',
}

/** Our Express app in the place of the book's resource server. */
const start = (change: Partial<PopMiddlewareOptions> = {}): ReturnType<typeof startApi> =>
  startApi({
    publicUrl: 'http://localhost:9002',
    tokens: introspectedTokens(asked),
    now: clock.now,
    ...change,
  })

const proofOf = (change?: ProofChange, token: TokenResponse = alice): string =>
  signProof(token, clock.seconds(), change)
const call = (change?: ProofChange): RawRequest => resourceCall(`PoP ${proofOf(change)}`)

const accepted = {
  status: 200,
  handled: { scheme: 'PoP', scopes: ['foo'], clientId: 'oauth-client-1' },
}
const refused = { status: 401, handled: undefined }
const [, ...anonymous] = resourceCall('').headers
const form = (headers: RawRequest['headers'] = []): RawRequest => ({
  ...call(),
  headers: [...headers, ...anonymous.filter(([name]) => name !== 'Content-Length')],
  body: Buffer.from(`pop_access_token=${proofOf()}`),
})
const query = (headers: RawRequest['headers'] = []): RawRequest => ({
  ...call(),
  headers: [...headers, ...anonymous],
  target: `/resource?pop_access_token=${proofOf()}`,
})

describe("the messages of the book's exercise", () => {
  test('the token response brings token and private key', () => {
    const { access_token: token, access_token_key: key, ...rest } = alice
    expect(token).toMatch(/^[A-Za-z0-9]{32}$/)
    expect(Object.keys(key).join()).toBe('kty,kid,e,n,d,p,q,dp,dq,qi')
    expect(rest).toEqual({ token_type: 'PoP', scope: ['foo'], alg: 'RS256' })
  })

  test('the resource call is these bytes', () => {
    const proof = proofOf()
    expect(encodeRequest(resourceCall(`PoP ${proof}`)).toString()).toBe(
      'POST /resource HTTP/1.1\r\n' +
        `Authorization: PoP ${proof}\r\n` +
        'Content-Type: application/x-www-form-urlencoded\r\n' +
        'Content-Length: 0\r\n' +
        'Host: localhost:9002\r\n' +
        'Connection: close\r\n\r\n',
    )
    const { access_token: at, access_token_key: key } = alice
    const parts = proof.split('.').map((part) => Buffer.from(part, 'base64url').toString())
    expect(parts.slice(0, 2)).toEqual([
      `{"typ":"PoP","alg":"RS256","kid":"${String(key['kid'])}"}`,
      `{"at":"${at}","ts":${now},"m":"POST","u":"localhost:9002","p":"/resource"}`,
    ])
  })

  test('its client gets in, and the authorization server is asked as it expects', async () => {
    const send = await start()
    expect(await send(call())).toMatchObject(accepted)
    const { request, contentType, body: question, answer } = server.exchanges.at(-1)!
    const { access_token: at, access_token_key: key } = alice
    const { kty, kid, e, n } = key
    expect([request, question]).toEqual(['POST /introspect', `token=${at}`])
    expect(contentType).toMatch(/^application\/x-www-form-urlencoded\b/)
    expect(answer).toBe(
      '{"active":true,"iss":"http://localhost:9001/","aud":"http://localhost:9002/","scope":"foo",' +
        `"client_id":"oauth-client-1","access_token_key":${JSON.stringify({ kty, kid, e, n })}}`,
    )
  })

  test.each([
    ['the form body', () => form()],
    ['the query', () => query()],
  ])('the proof may travel in %s', async (_, build) => {
    const send = await start()
    expect(await send(build())).toMatchObject(accepted)
  })

  test('the client may call again in the next second', async () => {
    const send = await start()
    await send(call())
    clock.advance(1)
    expect(await send(call())).toMatchObject(accepted)
  })
})

const publicKeyOf = ({ access_token_key: { kty, e, n } }: TokenResponse): JsonWebKey =>
  ({ kty, e, n }) as JsonWebKey

/** HMAC with what everybody knows: the public key as PEM. */
function signWithPublicKey(input: string): Buffer {
  const key = createPublicKey({ key: publicKeyOf(alice), format: 'jwk' })
  const pem = key.export({ format: 'pem', type: 'spki' })
  return createHmac('sha256', pem).update(input).digest()
}

const confused = { header: { alg: 'HS256' }, sign: signWithPublicKey }
const byThief = { sign: signWith(thief.access_token_key) }
const lacking = (member: string): ProofChange => ({ payload: { [member]: undefined } })

/** What is wrong with the proof. */
const proofs: Cases<ProofChange> = {
  ERR_POP_PROOF_ALGORITHM: {
    'HS256 and the public key': confused,
    'alg none': { header: { alg: 'none' } },
  },
  ERR_POP_PROOF_MALFORMED: { 'no signature': { sign: () => Buffer.alloc(0) } },
  ERR_POP_PROOF_SIGNATURE_INVALID: {
    'another alg in the header': { header: { alg: 'RS512' } },
    'the key of another client': byThief,
    'the key of another client in cnf': {
      ...byThief,
      payload: { cnf: { jwk: publicKeyOf(thief) } },
    },
    'the token of another client': { payload: { at: thief.access_token } },
  },
  ERR_POP_PROOF_EXPIRED: { 'a stale ts': { payload: { ts: now - 301 } } },
  ERR_POP_PROOF_NOT_YET_VALID: {
    'a future ts': { payload: { ts: now + 31 } },
    'a ts in milliseconds': { payload: { ts: now * 1000 } },
  },
  ERR_POP_PROOF_MEMBER_INVALID: { 'a ts of text': { payload: { ts: String(now) } } },
  ERR_POP_PROOF_MEMBER_MISSING: {
    'no at': lacking('at'),
    'no ts': lacking('ts'),
    'no m': lacking('m'),
    'no u': lacking('u'),
    'no p': lacking('p'),
  },
  ERR_POP_METHOD_MISMATCH: { 'another method': { payload: { m: 'GET' } } },
  ERR_POP_HOST_MISMATCH: { 'another host': { payload: { u: 'localhost:9003' } } },
  ERR_POP_PATH_MISMATCH: { 'another path': { payload: { p: '/other' } } },
  ERR_POP_TOKEN_INACTIVE: { 'an unknown token': { payload: { at: 'A'.repeat(32) } } },
}

function atOtherHost(): RawRequest {
  const request = call({ payload: { u: 'localhost:9003' } })
  const headers = request.headers.map(([name, value]): [string, string] => [
    name,
    name === 'Host' ? 'localhost:9003' : value,
  ])
  return { ...request, headers }
}

/** What is wrong with the request around the proof. */
const requests: Cases<() => RawRequest> = {
  ERR_POP_CREDENTIAL_MISSING: {
    'no credential': () => ({ ...call(), headers: anonymous }),
    'a scheme that begins alike': () => resourceCall(`Popular ${proofOf()}`),
    'the bare token': () => resourceCall(`Bearer ${alice.access_token}`),
  },
  ERR_POP_CREDENTIAL_MALFORMED: { 'a scheme and no proof': () => resourceCall('PoP') },
  ERR_POP_CREDENTIAL_REPEATED: {
    'a second proof in the form': () => form(call().headers.slice(0, 1)),
    'a second proof in the query': () => query(call().headers.slice(0, 1)),
  },
  ERR_POP_METHOD_MISMATCH: { 'another method': () => ({ ...call(), method: 'PUT' }) },
  ERR_POP_PATH_MISMATCH: { 'another path': () => ({ ...call(), target: '/other' }) },
  ERR_POP_HOST_MISMATCH: { 'another host, named by itself': atOtherHost },
}

const realm = 'PoP realm="localhost"'

/** Status and challenge for a fault of the request. */
function answerTo(code: string): RegExp {
  if (code === 'ERR_POP_CREDENTIAL_MISSING') return new RegExp(`^401 ${realm}$`)
  if (code.includes('CREDENTIAL')) return new RegExp(`^400 ${realm}, error="invalid_request", `)
  return new RegExp(`^401 ${realm}, error="invalid_token", `)
}

describe("what the book's resource server lets in or stumbles over", () => {
  test.each(listCases(proofs))('a proof with %s is refused: %s', async (_, code, change) => {
    const send = await start()
    const outcome = await send(call(change))
    expect(outcome).toMatchObject({ ...refused, codes: [code] })
    expect(outcome.challenges).toEqual([
      expect.stringContaining(`${realm}, error="invalid_token", `),
    ])
    expect(outcome.headers).toContainEqual(['cache-control', 'no-store'])
  })

  test.each(listCases(requests))('a request with %s is refused: %s', async (_, code, build) => {
    const send = await start()
    const { status, codes, handled, challenges } = await send(build())
    expect({ codes, handled }).toEqual({ codes: [code], handled: undefined })
    expect(`${status} ${challenges[0]}`).toMatch(answerTo(code))
  })

  const rs512 = { header: { alg: 'RS512' }, sign: signWith(alice.access_token_key, 'sha512') }

  test.each<[string, ProofChange, string[], string]>([
    ['HS256', confused, ['RS256', 'HS256'], 'ERR_POP_CONFIRMATION_KEY_INVALID'],
    ['RS512', rs512, ['RS256'], 'ERR_POP_PROOF_ALGORITHM'],
  ])('a proof with %s is refused by an API that takes %s', async (_, change, algorithms, code) => {
    const send = await start({ schemes: [pop({ algorithms })] })
    expect(await send(call(change))).toMatchObject({ ...refused, codes: [code] })
  })

  test('a replay is refused', async () => {
    const send = await start()
    await send(call())
    expect(await send(call())).toMatchObject({ ...refused, codes: ['ERR_POP_PROOF_REPLAYED'] })
  })

  test('a revoked token is refused at once', async () => {
    const token = await obtainToken(server)
    const send = await start()
    const ask = (): Promise<Outcome> => send(resourceCall(`PoP ${proofOf({}, token)}`))
    expect(await ask()).toMatchObject(accepted)
    server.revoke(token.access_token)
    clock.advance(1)
    expect(await ask()).toMatchObject({ ...refused, codes: ['ERR_POP_TOKEN_INACTIVE'] })
  })

  test.each<[string, number, string, object]>([
    ['another audience', 401, 'ERR_POP_TOKEN_AUDIENCE', { audience: 'http://localhost:9003/' }],
    ['a wrong secret', 503, 'ERR_POP_TOKEN_SOURCE_UNAVAILABLE', { clientSecret: 'wrong' }],
  ])('an API with %s answers %i: %s', async (_, status, code, change) => {
    const send = await start({ tokens: introspectedTokens({ ...asked, ...change }) })
    expect(await send(call())).toMatchObject({ status, codes: [code], handled: undefined })
  })
})
