import {
  bearer,
  createVerifier,
  dpop,
  isPopError,
  jwtTokens,
  presets,
  type VerifierOptions,
} from '@oauth-pop/core'
import {
  createClock,
  createHolders,
  dpopRequest,
  outcomeOf,
  signDpop,
  thumbprintOf,
} from '@oauth-pop/testkit'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'

const publicUrl = 'https://api.example.com'
const { holder, tokens } = createHolders()
const dana = holder('jkt')

function serve(preset: Partial<VerifierOptions>, clock = createClock()) {
  const claim = async (): Promise<boolean> => true
  const verifier = createVerifier({
    publicUrl,
    tokens,
    now: clock.now,
    replay: { claim },
    ...preset,
  })
  const send = (
    change: Readonly<Record<string, unknown>>,
    seconds = clock.seconds(),
  ): Promise<string> =>
    outcomeOf(verifier.verify(dpopRequest(dana, signDpop(dana, seconds, change))))
  return { verifier, send, at: (offset: number) => send({}, clock.seconds() + offset) }
}

describe('presets.mcp', { tags: ['rule-preset-mcp'] }, () => {
  const { send, at } = serve(presets.mcp)

  test.each([-300, -10, 0, 10, 300])('takes a proof of %i seconds from now', async (offset) => {
    expect(await at(offset)).toBe('accepted')
  })

  test.each([-303, -301, 301, 303])('refuses a proof of %i seconds from now', async (offset) => {
    expect(await at(offset)).toMatch(/^ERR_POP_PROOF_(EXPIRED|NOT_YET_VALID)$/)
  })

  test('asks for DPoP as it is: the hash of the token, and no bearer tokens', async () => {
    expect(await send({ ath: undefined })).toBe('ERR_POP_PROOF_MEMBER_MISSING')
    const { verifier } = serve(presets.mcp)
    const rawHeaders = ['Host', 'api.example.com', 'Authorization', `Bearer ${dana.accessToken}`]
    const refused = verifier.verify({ method: 'GET', target: '/photos', rawHeaders })
    await expect(refused).rejects.toMatchObject({ status: 401 })
  })

  test('may have bearer tokens beside', () => {
    serve({ ...presets.mcp, schemes: [...presets.mcp.schemes, bearer()] })
    expect(presets.mcp.schemes).toHaveLength(1)
  })
})

describe('presets.fapi2', { tags: ['rule-preset-fapi2'] }, () => {
  async function nonceOf({ verifier }: ReturnType<typeof serve>): Promise<string> {
    const refusal: unknown = await verifier
      .verify({ method: 'GET', target: '/photos', rawHeaders: ['Host', 'api.example.com'] })
      .catch((error: unknown) => error)
    return isPopError(refusal) ? String(refusal.headers['dpop-nonce']) : ''
  }

  test('asks for a nonce, and takes a proof up to 10 seconds ahead and 60 old', async () => {
    const clock = createClock()
    const server = serve(presets.fapi2, clock)
    expect(await server.send({})).toBe('ERR_POP_NONCE_MISSING')
    const nonce = await nonceOf(server)
    for (const offset of [-60, 0, 10])
      expect(await server.send({ nonce }, clock.seconds() + offset)).toBe('accepted')
    for (const offset of [-61, 11, 61])
      expect(await server.send({ nonce }, clock.seconds() + offset)).toMatch(
        /^ERR_POP_PROOF_(EXPIRED|NOT_YET_VALID)$/,
      )
  })

  test('names three algorithms, for proofs and for tokens', async () => {
    const algorithms = ['PS256', 'ES256', 'EdDSA', 'Ed25519']
    expect(presets.fapi2.schemes.map(({ algs }) => algs)).toEqual([algorithms])
    expect(presets.fapi2Tokens.algorithms).toEqual(algorithms)
  })

  const issuer = 'https://as.example.com'
  async function keysFor(alg: string) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), alg, kid: 'k' }] }
    const options = { ...presets.fapi2Tokens, issuer, audience: publicUrl, jwks }
    return { privateKey, makeTokens: () => jwtTokens(options) }
  }

  test.each(['PS256', 'ES256', 'Ed25519'])('takes an access token signed with %s', async (alg) => {
    const { privateKey, makeTokens } = await keysFor(alg)
    const clock = createClock()
    const accessToken = await new SignJWT({ cnf: { jkt: thumbprintOf(dana.jwk) } })
      .setProtectedHeader({ alg, typ: 'at+jwt', kid: 'k' })
      .setIssuer(issuer)
      .setAudience(publicUrl)
      .setExpirationTime(clock.seconds() + 60)
      .sign(privateKey)
    const own = { ...dana, accessToken }
    const server = serve({ ...presets.fapi2, tokens: makeTokens() }, clock)
    const nonce = await nonceOf(server)
    const proof = signDpop(own, clock.seconds(), { nonce })
    expect(await outcomeOf(server.verifier.verify(dpopRequest(own, proof)))).toBe('accepted')
  })

  test.each(['RS256', 'ES384'])(
    'has no use for keys of an issuer that signs with %s',
    async (alg) => {
      const { makeTokens } = await keysFor(alg)
      expect(makeTokens).toThrow('accepted algorithm')
    },
  )
})

describe('dpop({ dangerouslyWithoutAth: true })', { tags: ['rule-without-ath'] }, () => {
  const schemes = [dpop({ dangerouslyWithoutAth: true })]

  test('takes a proof without ath, which dpop() does not', async () => {
    expect(await serve({ schemes }).send({ ath: undefined })).toBe('accepted')
    expect(await serve({ schemes: [dpop()] }).send({ ath: undefined })).toBe(
      'ERR_POP_PROOF_MEMBER_MISSING',
    )
  })

  test.each([
    ['of another token', 'x'.repeat(43)],
    ['of no text', 1],
    ['that is null', null],
    ['that is empty', ''],
  ])('still refuses an ath %s', async (_, ath) => {
    expect(await serve({ schemes }).send({ ath })).toBe('ERR_POP_TOKEN_HASH_MISMATCH')
  })

  test('still refuses a proof by another key', async () => {
    const other = { ...holder('jkt'), accessToken: dana.accessToken }
    const clock = createClock()
    const { verifier } = serve({ schemes }, clock)
    const proof = signDpop(other, clock.seconds(), { ath: undefined })
    expect(await outcomeOf(verifier.verify(dpopRequest(other, proof)))).toBe(
      'ERR_POP_BINDING_OTHER_KEY',
    )
  })

  test('is no option of a token endpoint, whose proofs have none', () => {
    expect(() => dpop({ dangerouslyWithoutAth: 1 as never })).toThrow('true or false')
  })
})
