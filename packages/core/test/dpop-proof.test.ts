import { randomBytes } from 'node:crypto'
import { memoryReplayStore, type Jwk } from '@oauth-pop/core'
import { createDpopProofVerifier } from '@oauth-pop/core/dpop-proof'
import { createClock, createHolders, signDpop, thumbprintOf } from '@oauth-pop/testkit'
import { expect, test, vi } from 'vitest'

const url = 'https://as.example.com/tenant/token'
const clock = createClock()
const holder = createHolders().holder('jkt')

function createVerifier(options: Partial<Parameters<typeof createDpopProofVerifier>[0]> = {}) {
  const { now } = clock
  const replay = memoryReplayStore({ now, restartGuard: 'off' })
  return createDpopProofVerifier({ url, replay, now, ...options })
}

const prove = (claims: object = {}): string =>
  signDpop(holder, clock.seconds(), { htm: 'POST', htu: url, ath: undefined, ...claims })

const request = (proof: string) => ({ method: 'POST', rawHeaders: ['DPoP', proof] })

test('gives the public key and its thumbprint, and no header where nonces are off', async () => {
  const { jwk, thumbprint, responseHeaders } = await createVerifier().verify(request(prove()))
  expect(jwk).toEqual({ ...holder.jwk })
  expect(Object.keys(jwk)).not.toContain('d')
  expect([thumbprint, responseHeaders]).toEqual([thumbprintOf(holder.jwk as Jwk), []])
})

test('takes a proof for any of several URLs, and a slash at the end does not count', async () => {
  const other = 'https://mtls.example.com/token'
  const verifier = createVerifier({ url: [url, `${other}/`] })
  for (const htu of [url, other]) await verifier.verify(request(prove({ htu })))
  for (const htu of ['https://mtls.example.com/tenant/token', 'https://as.example.com/token'])
    await expect(verifier.verify(request(prove({ htu })))).rejects.toMatchObject({
      code: 'ERR_POP_URI_MISMATCH',
    })
})

test('compares with its own URL, whatever Host and target the request has', async () => {
  const rawHeaders = [
    'Host',
    'evil.example',
    'DPoP',
    prove({ htu: 'https://evil.example/tenant/token' }),
  ]
  const evil = createVerifier().verify({ method: 'POST', rawHeaders })
  await expect(evil).rejects.toMatchObject({ code: 'ERR_POP_URI_MISMATCH' })
})

test('claims a proof last, and once', async () => {
  const claim = vi.fn<() => Promise<boolean>>(async () => true)
  const verifier = createVerifier({ replay: { claim } })
  const bad = prove().replace(/.{10}$/, randomBytes(6).toString('base64url'))
  await expect(verifier.verify(request(bad))).rejects.toMatchObject({ error: 'invalid_dpop_proof' })
  await expect(verifier.verify(request(prove({ htm: 'GET' })))).rejects.toMatchObject({
    code: 'ERR_POP_METHOD_MISMATCH',
  })
  expect(claim).not.toHaveBeenCalled()
  await verifier.verify(request(prove()))
  expect(claim).toHaveBeenCalledTimes(1)
})

test('a refusal has the word for the body and the nonce, and no challenge', async () => {
  const verifier = createVerifier({ nonce: {} })
  const refusal: unknown = await verifier.verify(request(prove())).catch((error: unknown) => error)
  expect(refusal).toMatchObject({ code: 'ERR_POP_NONCE_MISSING', error: 'use_dpop_nonce' })
  const { headers } = refusal as { headers: Readonly<Record<string, string>> }
  expect(Object.keys(headers).toSorted()).toEqual(['cache-control', 'dpop-nonce'])
  const nonce = headers['dpop-nonce']
  expect((await verifier.verify(request(prove({ nonce })))).responseHeaders).toEqual([])
})

test('a nonce of another endpoint with the same secret is none of this one', async () => {
  const nonce = { secrets: [randomBytes(32)] }
  const other = createVerifier({ nonce, url: 'https://as.example.com/other' })
  const refusal: unknown = await other
    .verify(request(prove({ htu: 'https://as.example.com/other' })))
    .catch((error: unknown) => error)
  const foreign = (refusal as { headers: Record<string, string> }).headers['dpop-nonce']
  const here = createVerifier({ nonce }).verify(request(prove({ nonce: foreign })))
  await expect(here).rejects.toMatchObject({ code: 'ERR_POP_NONCE_INVALID' })
})

test('a broken clock lets nothing in', async () => {
  const verifier = createVerifier({ now: () => Number.NaN, replay: 'dangerously-none' })
  await expect(verifier.verify(request(prove()))).rejects.toMatchObject({
    code: 'ERR_POP_INTERNAL',
    error: undefined,
  })
})

test.each([
  ['no URL', { url: undefined }],
  ['a URL with a query', { url: `${url}?a=1` }],
  ['any label', { url: 'https://*.example.com/token' }],
  ['plain http', { url: 'http://as.example.com/token' }],
  ['no text', { url: 1 }],
  ["the framework's view", { url: 'request' }],
  ['a secret algorithm', { algorithms: ['HS256'] }],
  ['an unknown name', { tokens: [] }],
  ['a store that is none', { replay: {} }],
])('refuses options with %s', (_, wrong) => {
  expect(() => createVerifier(wrong as never)).toThrow(TypeError)
})
