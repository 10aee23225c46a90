import { createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as client from '@oauth-pop/client'
import { transform } from 'esbuild'
import { exportJWK, type JWK } from 'jose'
import { describe, expect, test, vi } from 'vitest'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const blocks = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, block = '']) => block)

/** Runs a block with what its reader has, and gives what it declares. */
async function run(
  block: string,
  given: Readonly<Record<string, unknown>>,
  results: readonly string[],
): Promise<Record<string, unknown>> {
  const { code } = await transform(block.replaceAll(/^import .*$/gm, ''), { loader: 'ts' })
  const scope = { ...client, ...given }
  const body = `return (async () => { ${code}; return { ${results.join(', ')} } })()`
  // oxlint-disable-next-line typescript/no-implied-eval -- the README is ours
  const runs = new Function(...Object.keys(scope), body) as (...values: unknown[]) => unknown
  return (await runs(...Object.values(scope))) as Record<string, unknown>
}

describe('the examples of the README', () => {
  test('sign a request with a token for the key', async () => {
    const requestToken = vi.fn<(form: object) => Promise<string>>(async () => 'token')
    const fetch = vi.fn<client.Fetch>(async () => new Response('ok'))
    vi.stubGlobal('fetch', fetch)
    const { response } = await run(blocks[0] ?? '', { requestToken }, ['response'])
    vi.unstubAllGlobals()
    expect(await (response as Response).text()).toBe('ok')
    expect(requestToken.mock.lastCall).toEqual([{ req_cnf: expect.stringMatching(/^eyJraWQi/) }])
    const { headers } = new Request(...(fetch.mock.lastCall as Parameters<client.Fetch>))
    expect(headers.get('authorization')).toMatch(/^PoP ey/)
  })

  test('prove possession to a token endpoint and to an API', async () => {
    const fetch = vi.fn<client.Fetch>(async () => new Response('ok'))
    vi.stubGlobal('fetch', fetch)
    await run(blocks[1] ?? '', { accessToken: 'token' }, ['response'])
    vi.unstubAllGlobals()
    const sent = fetch.mock.calls.map((call) => new Request(...call).headers)
    expect(sent.map((headers) => headers.get('authorization'))).toEqual([null, 'DPoP token'])
    for (const headers of sent) expect(headers.get('dpop')).toMatch(/^ey/)
  })

  test('sign with a key service, and name its key', async () => {
    const pair = await client.generateKeyPair({ algorithm: 'ES256', extractable: true })
    const jwk: JWK = await exportJWK(pair.privateKey)
    const privateKey = createPrivateKey({ key: { ...jwk }, format: 'jwk' })
    const keyService = {
      sign: async (bytes: Uint8Array) =>
        sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
    }
    const given = { jwk: pair.jwk, keyService }
    const { key, req_cnf: request } = await run(blocks[2] ?? '', given, ['key', 'req_cnf'])
    expect(request).toBe(client.confirmationRequest(pair))
    const url = 'https://api.example.com/'
    const own = key as client.ProofSigner
    await client.signPopRequest({ method: 'GET', url, accessToken: 'token', key: own })
  })

  test('say that a challenge is hidden', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    const [hidden, shown] = [{}, { 'www-authenticate': 'PoP error="invalid_token"' }]
    for (const headers of [hidden, shown]) {
      const response = new Response(null, { status: 401, headers })
      await run(blocks[3] ?? '', { response }, ['refusal'])
    }
    expect(warn.mock.calls).toEqual([[expect.stringContaining('the client sees no')]])
    warn.mockRestore()
  })

  test('are four', () => {
    expect(blocks).toHaveLength(4)
  })
})
