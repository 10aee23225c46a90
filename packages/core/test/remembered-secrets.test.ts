import { randomBytes } from 'node:crypto'
import type { Jwk, ResolvedToken } from '@oauth-pop/core'
import { describe, expect, test, vi } from 'vitest'
import { readConfirmedSecret } from '../src/confirmation/jwe.ts'
import type { AlgorithmName } from '../src/jws/algorithms.ts'
import { createKeyCache } from '../src/keys/key-cache.ts'

const keys = createKeyCache()
const k = randomBytes(64).toString('base64url')

/** A token, remembered by its resolver, whose secret is encrypted for us. */
function createToken(secret: Jwk = { kty: 'oct', k }) {
  const decrypt = vi.fn<(jwe: string) => Promise<Uint8Array | undefined>>(async () =>
    Buffer.from(JSON.stringify(secret)),
  )
  const confirmation: Jwk = Object.freeze({ jwe: 'a.b.c.d.e' })
  const token: ResolvedToken = { claims: {}, confirmation, scopes: [], audience: [], decrypt }
  const ask = (algorithm: AlgorithmName = 'HS256', own = confirmation) =>
    readConfirmedSecret(own, token, { algorithm, keys })
  return { ask, decrypt }
}

describe('the secret of a token', { tags: ['rule-cache-secrets'] }, () => {
  test('is decrypted once for as long as the token is remembered', async () => {
    const { ask, decrypt } = createToken()
    const [first, second] = [await ask(), await ask()]
    expect([first === second, first.symmetric, decrypt.mock.calls.length]).toEqual([true, true, 1])
  })

  test('is decrypted again for a token that is resolved anew, even if it says the same', async () => {
    const { ask, decrypt } = createToken()
    await ask()
    await ask('HS256', Object.freeze({ jwe: 'a.b.c.d.e' }))
    expect(decrypt).toHaveBeenCalledTimes(2)
  })

  test('is judged again for another algorithm, and refused where it is not for that', async () => {
    const { ask, decrypt } = createToken({ kty: 'oct', k, alg: 'HS256' })
    await ask('HS256')
    await expect(ask('HS512')).rejects.toMatchObject({
      code: 'ERR_POP_CONFIRMATION_KEY_INVALID',
      cause: { member: 'jwk', actual: 'alg' },
    })
    expect(decrypt).toHaveBeenCalledTimes(2)
  })

  test('that cannot be decrypted is tried again', async () => {
    const { ask, decrypt } = createToken()
    decrypt.mockResolvedValueOnce(undefined)
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_POP_CONFIRMATION_KEY_INVALID' })
    expect(await ask()).toMatchObject({ symmetric: true })
  })
})
