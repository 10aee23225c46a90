import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { apiUrl } from '@oauth-pop/testkit'
import { pop } from '@oauth-pop/express'
import { listCases, startApi, type Cases, type Outcome } from './api.ts'
import {
  clock,
  closeServers,
  encode,
  now,
  partnerOptions,
  secrets,
  shapes,
  signEntraToken,
  thief,
  type Shape,
} from './known-clients.ts'

afterEach(() => clock.set(now))
afterAll(closeServers)

const start = ({ options }: Shape): ReturnType<typeof startApi> =>
  startApi({ publicUrl: apiUrl, ...options })

async function send(shape: Shape): Promise<Outcome> {
  const api = await start(shape)
  return api(await encode(shape))
}

const accepted = { status: 200, codes: [], handled: { scheme: 'PoP' } }

/** One change to what a client sends, or to whom. */
type Mutation = (shape: Shape) => Partial<Shape>

/** Changes members of the payload; undefined takes one away. */
const says =
  (change: Shape['payload']): Mutation =>
  ({ payload }) => ({ payload: { ...payload, ...change } })

/** A proof of the thief's own, for a token that is not. */
const stolen: Mutation = ({ payload }) => ({
  key: thief.privateKey,
  payload: { ...payload, cnf: { jwk: thief.jwk } },
})
const forged: Mutation = () => ({ key: thief.privateKey })

const future: Cases<Mutation> = {
  ERR_POP_PROOF_NOT_YET_VALID: { 'of the future': says({ ts: now + 31 }) },
}

const microsoft: Cases<Mutation> = {
  ...future,
  ERR_POP_PROOF_EXPIRED: { stale: says({ ts: now - 301 }) },
  ERR_POP_HOST_MISMATCH: { 'for another host': says({ u: 'other.example.com' }) },
  ERR_POP_PATH_MISMATCH: { 'at another path': () => ({ request: { target: '/Photos/2' } }) },
  ERR_POP_METHOD_MISMATCH: { 'with another method': () => ({ request: { method: 'PUT' } }) },
  ERR_POP_BINDING_OTHER_KEY: { 'by a thief': stolen },
  ERR_POP_PROOF_SIGNATURE_INVALID: { 'by a thief in the name of the client': forged },
  ERR_POP_PROOF_MEMBER_MISSING: {
    'without its key': says({ cnf: undefined }),
    'without the method': says({ m: undefined }),
    'without the path': says({ p: undefined }),
  },
  ERR_POP_PROOF_TYPE: {
    'as another kind of JWT': ({ header }) => ({ header: { ...header, typ: 'at+jwt' } }),
  },
}

const otherCluster = String(shapes.kubelogin.payload['u']).replace(/shop$/, 'other')

const mutations = {
  'MSAL.NET': microsoft,
  'MSAL Android': microsoft,
  'MSAL Android with nonce and claims': microsoft,
  kubelogin: {
    ...future,
    ERR_POP_PROOF_EXPIRED: { stale: says({ ts: now - 901 }) },
    ERR_POP_HOST_MISMATCH: {
      'for another cluster': says({ u: otherCluster }),
      'for a resource group above': says({ u: otherCluster.replace(/\/providers.*/, '') }),
    },
    ERR_POP_BINDING_OTHER_KEY: { 'by a thief': stolen },
    ERR_POP_PROOF_SIGNATURE_INVALID: { 'by a thief in the name of the client': forged },
    ERR_POP_PROOF_MEMBER_MISSING: { 'without the cluster': says({ u: undefined }) },
    ERR_POP_PATH_MISMATCH: { 'with a path of another request': says({ p: '/Photos/2' }) },
    ERR_POP_PROOF_TYPE: { 'without a typ': () => ({ header: { alg: 'RS256' } }) },
    ERR_POP_CREDENTIAL_MISSING: {
      'where such bearers are not looked for': ({ options }) => ({
        options: { ...options, schemes: [pop({ require: ['ts', 'u'] })] },
      }),
    },
  },
  'EU Login': {
    ...future,
    ERR_POP_PROOF_EXPIRED: { stale: says({ ts: now - 301 }) },
    ERR_POP_HOST_MISMATCH: { 'for another host': says({ u: 'other.example.com' }) },
    ERR_POP_PROOF_SIGNATURE_INVALID: {
      'by a thief': stolen,
      'by a thief in the name of the client': forged,
    },
    ERR_POP_TOKEN_INACTIVE: { 'with an unknown token': says({ at: 'unknown' }) },
    ERR_POP_PROOF_MEMBER_MISSING: {
      'for an API with the default options': ({ options }) => ({
        options: { ...options, schemes: [pop()] },
      }),
    },
  },
  'a partner with HS256': hmacMutations('HS256'),
  'a partner with HS384': hmacMutations('HS384'),
  'a partner with HS512': hmacMutations('HS512'),
} satisfies Record<keyof typeof shapes, Cases<Mutation>>

function hmacMutations(alg: string): Cases<Mutation> {
  const others = ['HS256', 'HS384', 'HS512'].filter((name) => name !== alg)
  return {
    ...future,
    ERR_POP_PROOF_EXPIRED: { stale: says({ ts: now - 181 }) },
    ERR_POP_HOST_MISMATCH: { 'for another host': says({ u: 'other.example.com' }) },
    ERR_POP_PROOF_SIGNATURE_INVALID: {
      'with another secret': () => ({ key: secrets['other']! }),
      'with the token of another partner': says({ at: 'other' }),
    },
    ERR_POP_CONFIRMATION_KEY_INVALID: {
      'with a secret that is too short': ({ payload }) => ({
        key: secrets['weak']!,
        payload: { ...payload, at: 'weak' },
      }),
    },
    ERR_POP_TOKEN_UNBOUND: { 'for somebody without a secret': says({ at: 'nobody' }) },
    ERR_POP_PROOF_ALGORITHM: {
      'where others are allowed': () => ({ options: partnerOptions(...others) }),
      'where none is named': ({ options }) => ({
        options: { ...options, schemes: [pop({ require: ['ts'] })] },
      }),
    },
  }
}

describe.each(Object.entries<Shape>(shapes))('%s', (name, shape) => {
  test('gets in', async () => {
    expect(await send(shape)).toMatchObject({ ...accepted, handled: shape.result })
  })

  test.each(listCases<Mutation>(mutations[name as keyof typeof mutations]))(
    'is refused %s: %s',
    async (_, code, mutate) => {
      const outcome = await send({ ...shape, ...mutate(shape) })
      expect(outcome).toMatchObject({ status: 401, codes: [code], handled: undefined })
      expect(outcome.challenges[0]).toMatch(/^PoP realm="api\.example\.com"/)
    },
  )
})

describe('a proof that comes again', () => {
  const { kubelogin, ...once } = shapes

  test.each(Object.entries<Shape>(once))('is refused from %s', async (_, shape) => {
    const api = await start(shape)
    const request = await encode(shape)
    expect(await api(request)).toMatchObject(accepted)
    expect(await api(request)).toMatchObject({
      status: 401,
      codes: ['ERR_POP_PROOF_REPLAYED'],
      handled: undefined,
    })
  })

  /** What becomes of a proof of kubelogin that is sent at these times. */
  async function reuse(shape: Shape, ...times: number[]): Promise<readonly string[]> {
    const api = await start(shape)
    const request = await encode(shape)
    const codes: string[] = []
    for (const time of times) {
      clock.set(now + time)
      const outcome = await api(request)
      codes.push(outcome.codes[0] ?? `${outcome.status}`)
    }
    return codes
  }

  test('gets in from kubelogin until it is out of time', async () => {
    expect(await reuse(kubelogin, 0, 1, 900, 901)).toEqual([
      '200',
      '200',
      '200',
      'ERR_POP_PROOF_EXPIRED',
    ])
  })

  test('gets in from kubelogin until its token is out of time', async () => {
    const at = await signEntraToken(now + 60)
    const shape = { ...kubelogin, payload: { ...kubelogin.payload, at } }
    expect(await reuse(shape, 0, 89, 90)).toEqual(['200', '200', 'ERR_POP_TOKEN_EXPIRED'])
  })

  test('does not get in from kubelogin under the scheme PoP', async () => {
    expect(await reuse({ ...kubelogin, word: 'PoP' }, 0, 1)).toEqual([
      '200',
      'ERR_POP_PROOF_REPLAYED',
    ])
  })
})

test(
  'claims that a client makes of itself do not become claims of its token',
  { tags: ['shr-client-claims'] },
  async () => {
    const { accessToken } = await send(shapes['MSAL Android with nonce and claims'])
    expect(accessToken?.claims).toMatchObject({ scp: 'Photos.Read' })
    expect(accessToken?.claims).not.toHaveProperty('client_claims')
  },
)
