import { generateKeyPair, signPopRequest } from '@oauth-pop/client'
import { expect, test } from 'vitest'

const key = await generateKeyPair({ algorithm: 'ES256' })

/** Signs a part of a query. */
const sign = (search: string, ...query: string[]): Promise<string> => {
  const url = `https://api.example.com/${search}`
  return signPopRequest({ method: 'GET', url, accessToken: 'token', key, cover: { query } })
}

test.each([
  ['?d=&=', 'd'],
  ['?d=&%5B%5D=1', 'd'],
  ['?d=&%FF=1', 'd'],
  ['?a=1&[a]=2', 'a'],
  ['?a=1&a%5Bb%5D=2', 'a'],
  ['?a=1&a?b=2', 'a'],
])(
  'a part of the query %s that no server can tell from the rest is refused at once: %j',
  async (search, name) => {
    await expect(sign(search, name)).rejects.toThrow('must be covered, too')
  },
)

test('a part of a query that stands apart from the rest is signed', async () => {
  for (const search of ['?a=1&b=2', '?a=1&ab=2', '?a[x]=1&b=2']) {
    const name = search.slice(1).split('=', 1)[0] ?? ''
    expect(await sign(search, name)).toMatch(/^ey/)
  }
})
