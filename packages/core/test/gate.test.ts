import { createVerifier, memoryReplayStore, PopError, type Verifier } from '@oauth-pop/core'
import {
  apiUrl,
  createClock,
  createHolders,
  dpopRequest,
  mutators,
  outcomeOf,
  popPayload,
  signCompact,
  signDpop,
  signPop,
  startFaultServer,
} from '@oauth-pop/testkit'
import { createPrivateKey, sign, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const { holder, tokens } = createHolders()
const clock = createClock()
const alice = holder()

function createCounted(): { verifier: Verifier; claims: () => number } {
  let claims = 0
  const store = memoryReplayStore({ now: clock.now })
  const replay = {
    claim(entry: Parameters<typeof store.claim>[0]) {
      claims += 1
      return store.claim(entry)
    },
  }
  return {
    verifier: createVerifier({ publicUrl: apiUrl, tokens, now: clock.now, replay }),
    claims: () => claims,
  }
}

function send(verifier: Verifier, credential: string): Promise<string> {
  return verifier
    .verify({
      method: 'GET',
      target: '/items',
      rawHeaders: ['Host', 'api.example.com', 'Authorization', `PoP ${credential}`],
      body: async () => new Uint8Array(),
    })
    .then(
      () => 'accepted',
      (error: unknown) => {
        if (!(error instanceof PopError)) throw error
        return error.code
      },
    )
}

describe('the strict gate', () => {
  test.each(Object.entries(mutators))(
    'refuses a proof when it %s, and records nothing',
    { tags: ['attack-103', 'attack-104', 'attack-110', 'attack-144', 'rule-replay-last'] },
    async (_, mutate) => {
      const { verifier, claims } = createCounted()
      const proof = signPop(alice, clock.seconds())
      expect(await send(verifier, mutate(proof))).not.toBe('accepted')
      expect(claims()).toBe(0)
      expect(await send(verifier, proof)).toBe('accepted')
    },
  )

  test('refuses every edit of a single character', async () => {
    const { verifier, claims } = createCounted()
    const proof = signPop(alice, clock.seconds())
    const edit = fc.record({
      at: fc.nat({ max: proof.length - 1 }),
      how: fc.constantFrom('replace', 'insert', 'delete'),
      character: fc.constantFrom(...'AZaz09-_.=+/~ \t"'.split('')),
    })
    await fc.assert(
      fc.asyncProperty(edit, async ({ at, how, character }) => {
        const put = how === 'delete' ? '' : character
        const edited = proof.slice(0, at) + put + proof.slice(how === 'insert' ? at : at + 1)
        fc.pre(edited !== proof && edited.trim() !== proof)
        expect(await send(verifier, edited)).not.toBe('accepted')
      }),
      { numRuns: 3000 },
    )
    expect(claims()).toBe(0)
  })

  test('refuses every edit of a single character of a DPoP proof or its token', async () => {
    const { verifier, claims } = createCounted()
    const dana = holder('jkt')
    const proof = signDpop(dana, clock.seconds())
    const edit = fc.record({
      part: fc.constantFrom('proof', 'token'),
      at: fc.nat(),
      how: fc.constantFrom('replace', 'insert', 'delete'),
      character: fc.constantFrom(...Array.from('AZaz09-_.=+/~ ,')),
    })
    await fc.assert(
      fc.asyncProperty(edit, async ({ part, at, how, character }) => {
        const text = part === 'proof' ? proof : dana.accessToken
        const index = at % text.length
        const put = how === 'delete' ? '' : character
        const edited = text.slice(0, index) + put + text.slice(how === 'insert' ? index : index + 1)
        fc.pre(edited.trim() !== text)
        const accessToken = part === 'token' ? edited : dana.accessToken
        const request = dpopRequest({ ...dana, accessToken }, part === 'proof' ? edited : proof)
        expect(await outcomeOf(verifier.verify(request))).not.toBe('accepted')
      }),
      { numRuns: 3000 },
    )
    expect(claims()).toBe(0)
    expect(await outcomeOf(verifier.verify(dpopRequest(dana, proof)))).toBe('accepted')
  })

  test('never throws anything but its own error, whatever arrives', async () => {
    const { verifier } = createCounted()
    const segment = fc.oneof(
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
      fc.string({ maxLength: 20 }),
    )
    const credential = fc.array(segment, { maxLength: 5 }).map((parts) => parts.join('.'))
    await fc.assert(
      fc.asyncProperty(credential, async (text) => {
        expect(await send(verifier, text)).toMatch(/^ERR_POP_/)
      }),
      { numRuns: 2000 },
    )
  })

  const payload = JSON.stringify(popPayload(alice, clock.seconds()))
  test.each([
    [
      'a member twice',
      payload.replace('"m":"GET"', '"m":"GET","m":"POST"'),
      'ERR_POP_PROOF_MALFORMED',
    ],
    [
      'a member twice, once with an escape',
      payload.replace('"m":"GET"', '"m":"GET","\\u006d":"GET"'),
      'ERR_POP_PROOF_MALFORMED',
    ],
    [
      'a member twice at depth',
      payload.replace('"m":"GET"', '"m":"GET","x":[{"a":1,"a":1}]'),
      'ERR_POP_PROOF_MALFORMED',
    ],
    [
      '__proto__',
      payload.replace('"m":"GET"', '"m":"GET","__proto__":{"m":"GET"}'),
      'ERR_POP_PROOF_MALFORMED',
    ],
    [
      '16 levels',
      payload.replace('"m":"GET"', `"m":"GET","x":${'['.repeat(15)}${']'.repeat(15)}`),
      'accepted',
    ],
    [
      '17 levels',
      payload.replace('"m":"GET"', `"m":"GET","x":${'['.repeat(16)}${']'.repeat(16)}`),
      'ERR_POP_PROOF_MALFORMED',
    ],
    ['a byte order mark', `\ufeff${payload}`, 'ERR_POP_PROOF_MALFORMED'],
    [
      'colons, quotes and backslashes inside strings',
      payload.replace('"m":"GET"', '"m":"GET","x":":\\":\\\\","y":"\\\\\\":"'),
      'accepted',
    ],
    [
      'a lone surrogate in jti',
      payload.replace(/"jti":"[^"]*"/, '"jti":"\\ud800"'),
      'ERR_POP_PROOF_MEMBER_INVALID',
    ],
  ])(
    'a payload with %s',
    {
      tags: [
        'attack-78',
        'attack-79',
        'attack-81',
        'attack-82',
        'attack-84',
        'shr-payload-object',
        'shr-payload-members-once',
      ],
    },
    async (_, text, outcome) => {
      const { verifier } = createCounted()
      expect(await send(verifier, signText('{"typ":"pop","alg":"ES256"}', text))).toBe(outcome)
    },
  )

  test(
    'a hundred thousand forged proofs leave the replay store empty',
    { timeout: 240_000, tags: ['attack-135'] },
    async () => {
      const { verifier, claims } = createCounted()
      const stranger = holder()
      const forged = { ...alice, privateKey: stranger.privateKey }
      const proofs = Array.from({ length: 200 }, () => signPop(forged, clock.seconds()))
      for (let index = 0; index < 100_000; index += 1) {
        const outcome = await send(verifier, proofs[index % proofs.length] ?? '')
        if (outcome !== 'ERR_POP_PROOF_SIGNATURE_INVALID') throw new Error(outcome)
      }
      expect(claims()).toBe(0)
    },
  )

  test(
    'accepts a header whose jwk and jku point elsewhere',
    { tags: ['attack-66', 'shr-header-keys-ignored'] },
    async () => {
      const { verifier } = createCounted()
      const stranger = holder()
      const header = {
        typ: 'pop',
        alg: 'ES256',
        jwk: stranger.jwk,
        jku: 'https://evil.example/jwks',
      }
      const body = popPayload(alice, clock.seconds())
      expect(await send(verifier, signCompact(header, body, alice.privateKey))).toBe('accepted')
      expect(
        await send(
          verifier,
          signCompact(header, popPayload(alice, clock.seconds()), stranger.privateKey),
        ),
      ).toBe('ERR_POP_PROOF_SIGNATURE_INVALID')
    },
  )
})

/** Self-signed; its private key is that of somebody who holds no token. */
const certificate = [
  'MIIBFDCBuwIUfQHYRtmUOJRO1Mfq1H+9TB3RoXIwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBeDAgFw0yNjExMjEw',
  'ODI5NTdaGA8yMTI2MTAyODA4Mjk1N1owDDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABH8k',
  'SEGTf5ihqz7sAM/sUkn2J22qq66NcfB0IANLWJdaShqyUHTgtHdNemL13IMJmOHgsmSp6QSSM1j0OXnKYNQwCgYI',
  'KoZIzj0EAwIDSAAwRQIgPZ+zlbHWmw9o9NPVM2ShWsV3gF9+6Bw2vEVy0kfuNiACIQDE2vhe7/+qetKoyRK1EaQ5',
  'AvI4eSvz3W4KGR+mt5WPwg==',
].join('')
const certifiedKey = createPrivateKey({
  key: {
    ...new X509Certificate(Buffer.from(certificate, 'base64')).publicKey.export({ format: 'jwk' }),
    d: 'rgQGQUe9jBx69slwzaRXRsBEmgOTEMRIujM1JaTabno',
  },
  format: 'jwk',
})

describe('the header of a proof', () => {
  const judge = (header: object, key = alice.privateKey): Promise<string> => {
    const all = { typ: 'pop', alg: 'ES256', ...header }
    const proof = signCompact(all, popPayload(alice, clock.seconds()), key)
    return send(createCounted().verifier, proof)
  }

  test.each(['jku', 'x5u'])(
    'has a %s that nobody fetches',
    { tags: ['attack-64', 'shr-header-keys-ignored'] },
    async (member) => {
      const stranger = holder()
      const server = await startFaultServer()
      server.answer({ keys: [{ ...stranger.jwk, kid: '1' }] })
      const header = { kid: '1', [member]: `${server.url}/keys` }
      expect(await judge(header)).toBe('accepted')
      expect(await judge(header, stranger.privateKey)).toBe('ERR_POP_PROOF_SIGNATURE_INVALID')
      await fetch(`${server.url}/afterwards`)
      expect(server.asked).toEqual(['/afterwards'])
      await server.close()
    },
  )

  test('has an x5c from which nobody takes a key', { tags: ['attack-65'] }, async () => {
    const header = { x5c: [certificate] }
    expect(await judge(header)).toBe('accepted')
    expect(await judge(header, certifiedKey)).toBe('ERR_POP_PROOF_SIGNATURE_INVALID')
  })

  test.each([
    { kid: '../../etc/passwd' },
    { kid: "' OR 1=1 --" },
    { kid: 'x'.repeat(5000) },
    { kid: ['1'] },
    { kid: { toString: 1 } },
    { kid: null },
  ])(
    'has a kid that nobody looks up: %j',
    { tags: ['attack-63', 'shr-kid-ignored'] },
    async (header) => {
      expect(await judge(header)).toBe('accepted')
    },
  )

  test.each([
    { crit: [] },
    { crit: 'exp' },
    { crit: [1] },
    { crit: ['alg'] },
    { crit: {} },
    { crit: null },
  ])('must not have %j', { tags: ['attack-70', 'shr-extensions'] }, async (header) => {
    expect(await judge(header)).toBe('ERR_POP_PROOF_MALFORMED')
  })

  test('does not announce another JWT inside', { tags: ['attack-74'] }, async () => {
    const inner = signPop(alice, clock.seconds())
    const proof = signText('{"typ":"pop","alg":"ES256","cty":"JWT"}', inner)
    expect(await send(createCounted().verifier, proof)).toBe('ERR_POP_PROOF_MALFORMED')
  })
})

function signText(header: string, payloadText: string): string {
  const input = [header, payloadText]
    .map((text) => Buffer.from(text).toString('base64url'))
    .join('.')
  const signature = sign('sha256', Buffer.from(input), {
    key: alice.privateKey,
    dsaEncoding: 'ieee-p1363',
  })
  return `${input}.${signature.toString('base64url')}`
}
