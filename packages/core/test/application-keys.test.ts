import { createVerifier, pop, storedTokens, type Jwk, type PopOptions } from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  outcomeOf,
  popRequest,
  signPop,
  thumbprintOf,
  type Holder,
} from '@oauth-pop/testkit'
import { expect, test } from 'vitest'

const clock = createClock()
const { holder } = createHolders()
const [alice, thief] = [holder(), holder()]
const kid = 'device-7'

interface Case {
  readonly cnf?: object
  /** Of the proof. */
  readonly own?: unknown
  readonly who?: Holder
  readonly resolveKey?: PopOptions['resolveKey'] | undefined
}

const keyOf: NonNullable<PopOptions['resolveKey']> = async ({ confirmation }) =>
  confirmation?.['kid'] === kid ? alice.jwk : undefined

function ask({ cnf = { kid }, own, who = alice, ...rest }: Case): Promise<string> {
  const { resolveKey } = { resolveKey: keyOf, ...rest }
  const tokens = storedTokens(() => ({ aud: apiUrl, cnf }), { audience: apiUrl })
  const schemes = [pop(resolveKey === undefined ? {} : { resolveKey })]
  const verifier = createVerifier({ publicUrl: apiUrl, tokens, schemes, now: clock.now })
  const proof = signPop({ ...who, accessToken: alice.accessToken }, clock.seconds(), { cnf: own })
  return outcomeOf(verifier.verify(popRequest(proof)))
}

const named =
  (name: string): (() => Promise<Jwk>) =>
  async () => ({ ...alice.jwk, kid: name })
const otherKey = 'ERR_POP_BINDING_OTHER_KEY'
const weak = { kty: 'RSA', n: 'AQ', e: 'AQAB' }

test.each<[string, Case, string]>([
  ['is found by the application', {}, 'accepted'],
  ['is found by the application, which repeats the name', { resolveKey: named(kid) }, 'accepted'],
  ['is not that of another name', { resolveKey: named('device-8') }, otherKey],
  ['is needed, not another', { who: thief }, 'ERR_POP_PROOF_SIGNATURE_INVALID'],
  [
    'is not one that the proof brings along',
    { who: thief, own: { jwk: thief.jwk } },
    'ERR_POP_PROOF_SIGNATURE_INVALID',
  ],
  ['may be brought along in vain', { own: { jwk: thief.jwk } }, 'accepted'],
  ['may be repeated by name in the proof', { own: { kid } }, 'accepted'],
  [
    'is not looked for with a bad key in the proof',
    { own: { jwk: weak } },
    'ERR_POP_PROOF_KEY_INVALID',
  ],
  ['is unknown to the application', { cnf: { kid: 'x' } }, 'ERR_POP_PROOF_MEMBER_MISSING'],
  [
    'is unknown to the application, and the proof has another',
    { cnf: { kid: 'x' }, own: { jwk: alice.jwk } },
    otherKey,
  ],
  [
    'needs an application that resolves it',
    { resolveKey: undefined },
    'ERR_POP_PROOF_MEMBER_MISSING',
  ],
  ['must have the thumbprint beside it', { cnf: { kid, jkt: thumbprintOf(thief.jwk) } }, otherKey],
  ['may have the thumbprint beside it', { cnf: { kid, jkt: thumbprintOf(alice.jwk) } }, 'accepted'],
  ['passes hygiene', { resolveKey: async () => weak }, 'ERR_POP_CONFIRMATION_KEY_INVALID'],
  ['is not null', { resolveKey: async () => null as never }, 'ERR_POP_CONFIRMATION_KEY_INVALID'],
  [
    'cannot be found right now',
    { resolveKey: () => Promise.reject(new Error('vault')) },
    'ERR_POP_KEY_SOURCE_UNAVAILABLE',
  ],
  ['is not text', { cnf: { kid: 7 } }, 'ERR_POP_CONFIRMATION_INVALID'],
])(
  'a key that cnf.kid names %s',
  { tags: ['rule-confirmation-application'] },
  async (_, given, outcome) => {
    expect(await ask(given)).toBe(outcome)
  },
)

test(
  'the application is not asked for a key that the token or the proof carries',
  { tags: ['rule-confirmation-application'] },
  async () => {
    let asked = 0
    const resolveKey = async (): Promise<Jwk> => {
      asked += 1
      return thief.jwk
    }
    const own = { jwk: alice.jwk }
    const thumbprint = thumbprintOf(alice.jwk)
    expect(await ask({ resolveKey, cnf: { kid: thumbprint }, own })).toBe('accepted')
    expect(await ask({ resolveKey, cnf: { jwk: alice.jwk, kid: thumbprint } })).toBe('accepted')
    expect(await ask({ resolveKey, cnf: { jwk: alice.jwk, kid } })).toBe(otherKey)
    expect(await ask({ resolveKey, cnf: { jkt: thumbprint } })).toBe('ERR_POP_BINDING_OTHER_METHOD')
    expect(asked).toBe(0)
  },
)
