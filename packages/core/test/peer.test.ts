import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { isPopError, mtls, storedTokens } from '@oauth-pop/core'
import { createProtection } from '@oauth-pop/core/node'
import { addressOf, apiUrl, readCertificate, sendRaw } from '@oauth-pop/testkit'
import { expect, onTestFinished, test } from 'vitest'

const alice = readCertificate('alice')

/** The outcome of a request whose socket has these members beside its own. */
async function outcomeWith(members: object): Promise<string> {
  const cnf = { 'x5t#S256': alice.thumbprint }
  const protection = createProtection({
    publicUrl: apiUrl,
    tokens: storedTokens(() => ({ aud: apiUrl, cnf }), { audience: apiUrl }),
    schemes: [mtls()],
  })
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    Object.defineProperties(request.socket, Object.getOwnPropertyDescriptors(members))
    const view = { target: '/items', origin: () => apiUrl }
    const outcome = await protection.verify(request, response, view).then(
      () => 'accepted',
      (error: unknown) => (isPopError(error) ? error.code : String(error)),
    )
    response.end(outcome)
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = addressOf(server)
  const headers = [
    ['Host', 'api.example.com'],
    ['Authorization', 'Bearer a-token'],
  ] as const
  return (await sendRaw(port, { method: 'GET', target: '/items', headers })).body
}

test.each<[string, object, string]>([
  ['shows it', { getPeerX509Certificate: () => ({ raw: alice.der }) }, 'accepted'],
  ['has none', { getPeerX509Certificate: () => undefined }, 'ERR_POP_CERTIFICATE_MISSING'],
  ['speaks no TLS', {}, 'ERR_POP_CERTIFICATE_MISSING'],
  [
    'throws when it is asked',
    {
      getPeerX509Certificate() {
        throw new TypeError('no handle')
      },
    },
    'ERR_POP_CERTIFICATE_MISSING',
  ],
])('the certificate of a socket that %s', { tags: ['mtls-bound'] }, async (_, members, outcome) => {
  expect(await outcomeWith(members)).toBe(outcome)
})
