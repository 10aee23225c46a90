import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { Jwk } from '@oauth-pop/core'
import { mutators, signPop, type Holder } from '@oauth-pop/testkit'
import { toMessage } from '../load.ts'
import { createIssuer } from '../proofs.ts'
import type { Signer } from './signing.ts'

const apiHost = 'api.example.com'
const copies = 6
const base64 = (text: string): string => Buffer.from(text).toString('base64url')
const now = (): number => Math.floor(Date.now() / 1000)

function createHolder(createToken: Signer['createToken']): Holder {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' }) as Jwk
  return { accessToken: createToken(jwk, randomBytes(8).toString('hex')), privateKey, jwk }
}

const host = ['Host', apiHost] as const

function send(headers: readonly string[], target = '/items'): string {
  return toMessage({ method: 'GET', target, rawHeaders: headers })
}

function proofed(proof: string): string {
  return send([...host, 'Authorization', `PoP ${proof}`])
}

/** Claims of a proof that differ from what is sent, or are out of time. */
const wrongClaims: readonly Readonly<Record<string, unknown>>[] = [
  { m: 'POST' },
  { m: 'PUT' },
  { u: 'evil.example' },
  { u: `${apiHost}.evil.example` },
  { u: ['api.example.com'] },
  { p: '/admin' },
  { p: '/ITEMS' },
  { ts: 0 },
  { ts: 4_000_000_000 },
  { ts: undefined },
  { ts: 'now' },
  { at: undefined },
  { at: 'made-up' },
  { q: [['a'], 'AAAA'] },
]

const wrongHeaders: readonly object[] = [
  { alg: 'none' },
  { alg: 'HS256' },
  { alg: 'ES384' },
  { typ: 'dpop+jwt' },
  { crit: ['exp'] },
  { b64: false, crit: ['b64'] },
]

/** Each builds one request that must not get through, from a holder, and a thief who has a key of his own. */
const builders: readonly ((holder: Holder, thief: Holder) => string)[] = [
  ...Object.values(mutators).map((mutate) => (holder: Holder) => {
    return proofed(mutate(signPop(holder, now())))
  }),
  ...wrongClaims.map((claims) => (holder: Holder) => proofed(signPop(holder, now(), claims))),
  ...wrongHeaders.map((header) => (holder: Holder) => proofed(signPop(holder, now(), {}, header))),
  ({ accessToken }, thief) => proofed(signPop({ ...thief, accessToken }, now())),
  ({ accessToken }) => send([...host, 'Authorization', `Bearer ${accessToken}`]),
  ({ accessToken }) => send([...host, 'Authorization', `DPoP ${accessToken}`]),
  ({ accessToken }) => send([...host, 'Authorization', `PoP ${accessToken}`]),
  (holder) => {
    const line = ['Authorization', `PoP ${signPop(holder, now())}`]
    return send([...host, ...line, ...line])
  },
  (holder) => send([...host, ...host, 'Authorization', `PoP ${signPop(holder, now())}`]),
  (holder) => {
    const proof = signPop(holder, now())
    return send([...host, 'Authorization', `PoP ${proof}`], `/items?pop_access_token=${proof}`)
  },
  (holder) => send(['Host', apiHost, 'Authorization', `PoP ${signPop(holder, now())}`], '/admin'),
  () => send(host),
  () => proofed(`${base64('{"alg":"ES256"}')}.${base64('['.repeat(4000))}.AA`),
  () => proofed('A'.repeat(12_000)),
  () => proofed(randomBytes(600).toString('base64url')),
]

export const attackCount = copies * (builders.length + 1)

/** About two hundred requests; each is refused however often it comes. */
export function createAttacks({ createToken }: Signer): readonly string[] {
  const elsewhere = createIssuer('ES256')
  return Array.from({ length: copies }, () => {
    const [holder, thief] = [createHolder(createToken), createHolder(createToken)]
    // A token that another issuer signed.
    const stranger = createHolder(elsewhere.createToken)
    const attacks = builders.map((build) => build(holder, thief))
    return [...attacks, proofed(signPop(stranger, now()))]
  }).flat()
}
