import {
  createVerifier,
  pop,
  storedTokens,
  type Jwk,
  type ReplayEntry,
  type StoredRecord,
} from '@oauth-pop/core'
import { apiUrl, createClock, hashOf, outcomeOf, popPayload, popRequest } from '@oauth-pop/testkit'
import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'

/** A client with a key of its own, or with a secret that all users of a client share. */
interface Sender {
  readonly token: string
  readonly record: StoredRecord
  readonly key: KeyObject | Buffer
}

const secret = Buffer.alloc(32, 7)

function withKey(token: string, claims: StoredRecord): Sender {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' }) as Jwk
  return { token, key: privateKey, record: { aud: apiUrl, cnf: { jwk }, ...claims } }
}

function withSecret(token: string, claims: StoredRecord): Sender {
  return { token, key: secret, record: { aud: apiUrl, ...claims } }
}

/** Sends a proof of each with the same `jti`, and watches what is claimed. */
async function sendAll(
  ...senders: readonly Sender[]
): Promise<{ outcomes: readonly string[]; entries: readonly ReplayEntry[] }> {
  const clock = createClock()
  const records = new Map(senders.map(({ token, record }) => [hexOf(token), record]))
  const entries: ReplayEntry[] = []
  const ids = new Set<string>()
  const verifier = createVerifier({
    publicUrl: apiUrl,
    tokens: storedTokens((hash) => records.get(hash), { audience: apiUrl }),
    now: clock.now,
    schemes: [
      pop({
        algorithms: ['HS256', 'ES256'],
        resolveKey: async () => ({ kty: 'oct', k: secret.toString('base64url') }),
      }),
    ],
    replay: {
      async claim(entry) {
        entries.push(entry)
        return ids.size < ids.add(entry.id).size
      },
    },
  })
  const outcomes: string[] = []
  for (const { token, key } of senders) {
    const holder = { accessToken: token } as Parameters<typeof popPayload>[0]
    const payload = popPayload(holder, clock.seconds(), { jti: 'the same' })
    outcomes.push(await outcomeOf(verifier.verify(popRequest(signWith(key, payload)))))
  }
  return { outcomes, entries }
}

function signWith(key: KeyObject | Buffer, payload: object): string {
  const isSecret = Buffer.isBuffer(key)
  const input = [{ typ: 'pop', alg: isSecret ? 'HS256' : 'ES256' }, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = isSecret
    ? createHmac('sha256', key).update(input).digest()
    : sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

function hexOf(token: string): string {
  return Buffer.from(hashOf(token), 'base64url').toString('hex')
}

describe('the identifier of a proof', () => {
  test(
    "is the user's own, also where all users of a client share its secret",
    { tags: ['attack-112', 'rule-replay-symmetric-user'] },
    async () => {
      const { outcomes } = await sendAll(
        withSecret('alice-1', { client_id: 'app', sub: 'alice' }),
        withSecret('bob-1', { client_id: 'app', sub: 'bob' }),
      )
      expect(outcomes).toEqual(['accepted', 'accepted'])
    },
  )

  test(
    "is the key's own, whatever the token",
    { tags: ['attack-112', 'rule-replay-symmetric-user'] },
    async () => {
      const first = withKey('alice-1', { sub: 'alice' })
      const { outcomes } = await sendAll(
        first,
        withKey('bob-1', { sub: 'bob' }),
        { ...first, token: 'alice-2' },
        first,
      )
      expect(outcomes).toEqual([
        'accepted',
        'accepted',
        'ERR_POP_PROOF_REPLAYED',
        'ERR_POP_PROOF_REPLAYED',
      ])
    },
  )
})

describe('the owner of a proof, whose quota it counts for', () => {
  const ownersOf = async (...senders: readonly Sender[]): Promise<readonly string[]> =>
    (await sendAll(...senders)).entries.map(({ owner }) => owner)

  test.each<[string, StoredRecord, StoredRecord, boolean]>([
    ['one user with two keys', { sub: 'a' }, { sub: 'a' }, true],
    ['one client with two keys', { client_id: 'c' }, { client_id: 'c' }, true],
    ['two users of a client', { client_id: 'c', sub: 'a' }, { client_id: 'c', sub: 'b' }, false],
    ['two clients', { client_id: 'c' }, { client_id: 'd' }, false],
    ['a client and a user of the same name', { client_id: 'a' }, { sub: 'a' }, false],
    ['users of two issuers', { iss: 'x', sub: 'a' }, { iss: 'y', sub: 'a' }, false],
    ['two keys of which nobody is named', {}, {}, false],
  ])('%s', { tags: ['attack-136', 'rule-replay-owner'] }, async (_, one, other, isSame) => {
    for (const make of [withKey, withSecret]) {
      const [first, second] = await ownersOf(make('token-1', one), make('token-2', other))
      expect(first === second).toBe(isSame)
    }
  })
})

test(
  'a shared secret is never the owner, not even hashed',
  { tags: ['rule-replay-secret-owner'] },
  async () => {
    const thumbprint = hashOf(JSON.stringify({ k: secret.toString('base64url'), kty: 'oct' }))
    const senders = [{}, { client_id: 'c' }, { sub: 'a' }].map((claims, index) =>
      withSecret(`token-${index}`, claims),
    )
    const { entries } = await sendAll(...senders)
    expect(entries.map(({ owner }) => owner)).toHaveLength(3)
    expect(entries.map(({ owner }) => owner)).not.toContain(thumbprint)
  },
)
